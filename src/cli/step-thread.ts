import { parentPort, workerData, type MessagePort } from 'node:worker_threads'
import { createSystemClock } from '../clock/system-clock.ts'
import type { Clock } from '../core/clock.ts'
import { invariant, messageOf } from '../core/errors.ts'
import { releaseBytes } from '../core/release-bytes.ts'
import { HookRunner } from '../runtime/hook-runner.ts'
import { SliceStep } from '../runtime/slice-step.ts'
import { errorToWire, partFromWire, resultToWire, transferable } from '../runtime/step-wire.ts'
import { TaskEvents } from '../runtime/task-events.ts'
import { WatermarkTracker } from '../runtime/watermark.ts'
import { ownWriters, taskId, type Topology } from '../topology/topology.ts'
import { isError, loadTopologies } from './load-topologies.ts'
import { SecretMask } from './secret-mask.ts'
import type { StepRequest, StepResponse, StepThreadData } from './step-thread-protocol.ts'

/** Works on slices of stateless nodes, one after another, as they come. */
class StepThread {
  readonly #port: MessagePort
  readonly #clock: Clock
  readonly #mask: SecretMask
  readonly #topologies: readonly Topology[]
  readonly #steps = new Map<string, SliceStep>()

  constructor(port: MessagePort, { cwd, env, log, paths, stored, texts, instant }: StepThreadData) {
    this.#port = port
    this.#clock = createSystemClock(instant)
    this.#mask = new SecretMask()
    const { files, diagnostics } = loadTopologies(
      paths,
      { cwd, env, mask: this.#mask },
      { log, stored },
    )
    const problem = diagnostics.find(isError)
    if (problem !== undefined) throw new Error(`${problem.file}: ${problem.message}`)
    this.#topologies = files.map(({ topology }) => topology)
    const changed = files.find(({ text }, index) => text !== texts[index])
    if (changed !== undefined) throw new Error(`${changed.shown} has changed`)
  }

  handle({ ref, parts, pulledUs, trace, limits, ...task }: StepRequest): void {
    try {
      const step = this.#stepOf(task)
      step.limits.all = limits
      step.traceNext(trace)
      const result = resultToWire(step.run(parts.map(partFromWire), pulledUs))
      const transfer = transferable(result.outputs.map(({ bytes }) => bytes))
      this.#send({ kind: 'done', ref, result }, transfer)
      for (const { bytes } of parts) releaseBytes(bytes)
    } catch (thrown) {
      this.#send({ kind: 'failed', ref, error: errorToWire(thrown) }, [])
    }
  }

  #send(response: StepResponse, transfer: ArrayBuffer[]): void {
    this.#port.postMessage(response, transfer)
  }

  #stepOf(task: Pick<StepRequest, 'pipeline' | 'node' | 'taskIndex'>): SliceStep {
    const key = `${task.pipeline} ${task.node} ${task.taskIndex}`
    const known = this.#steps.get(key)
    if (known !== undefined) return known
    const made = this.#makeStep(task)
    this.#steps.set(key, made)
    return made
  }

  #makeStep(task: Pick<StepRequest, 'pipeline' | 'node' | 'taskIndex'>): SliceStep {
    const topology = this.#topologies.find(({ pipeline }) => pipeline === task.pipeline)
    const node = topology?.nodes.find(({ id }) => id === task.node)
    invariant(topology !== undefined && node !== undefined, 'the thread knows what the run knows')
    const { stage } = node
    const clock = this.#clock
    const { pipeline } = topology
    const partitions = new Map(topology.topics.map((topic) => [topic.name, topic.partitions]))
    const runner = new HookRunner({ stage, hooks: [], clock, onProblem: () => {} })
    return new SliceStep({
      node,
      clock,
      // The node follows no watermark: no writer is expected.
      tracker: new WatermarkTracker([]),
      events: new TaskEvents({ runner, clock, pipeline, stage }),
      mask: this.#mask.text,
      tracing: topology.tracing,
      ownWriters: ownWriters(topology),
      taskId: taskId(topology, node, task.taskIndex),
      taskIndex: task.taskIndex,
      partitionsOf: (topic) => partitions.get(topic)!,
    })
  }
}

function start(): void {
  invariant(parentPort !== null, 'this file is the main module of a worker thread')
  const port = parentPort
  const send = (response: StepResponse) => port.postMessage(response)
  try {
    const thread = new StepThread(port, workerData as StepThreadData)
    port.on('message', (request: StepRequest) => thread.handle(request))
    send({ kind: 'ready' })
  } catch (thrown) {
    send({ kind: 'unready', message: messageOf(thrown) })
  }
}

start()
