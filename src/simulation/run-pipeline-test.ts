import type { OperatorEnvironment } from '../core/async-operator.ts'
import { messageOf } from '../core/errors.ts'
import { decodeJson, encodeJson, type JsonValue } from '../core/json.ts'
import type { RecordBatch } from '../core/record-batch.ts'
import { hookEvents } from '../core/hook.ts'
import type { TestSpec, TestStep } from '../spec/pipeline-spec.ts'
import type { Topology } from '../topology/topology.ts'
import { difference, differenceOfArrivals, type Arrival } from './match-expected.ts'
import { PipelineDriver } from './pipeline-driver.ts'
import type { PushedRecord } from './push-source.ts'

export interface TestResult {
  readonly name: string
  readonly passed: boolean
  /** What was expected and what came instead; empty where the test passed. */
  readonly problems: readonly { readonly step: TestStep; readonly message: string }[]
}

const defaultStartMs = Date.UTC(2026, 0, 1)

/**
 * Runs one test of a pipeline file.
 * @param topology compiled with as many partitions as the test says.
 * @param operators for steps that wait for something outside; their clock is the one of the test.
 */
export async function runPipelineTest(
  test: TestSpec,
  topology: Topology,
  operators?: OperatorEnvironment,
): Promise<TestResult> {
  const driver = new PipelineDriver(withoutClock(test, topology), {
    startMs: test.clockMs ?? defaultStartMs,
    ...(operators === undefined ? {} : { operators }),
  })
  const seen = new SeenSoFar(driver)
  const problems: { step: TestStep; message: string }[] = []
  const lastExpect = test.steps.findLast(({ kind }) => kind === 'expect')
  await driver.start()
  for (const step of test.steps) {
    try {
      if (step === lastExpect && test.end === 'close') await driver.end()
      problems.push(...(await runStep(step, driver, seen)).map((message) => ({ step, message })))
      for (const call of driver.takeUnexpectedCalls()) problems.push({ step, message: call })
    } catch (thrown) {
      problems.push({ step, message: messageOf(thrown) })
      break
    }
  }
  await driver.close()
  return { name: test.name, passed: problems.length === 0, problems }
}

/** How far the event time may be ahead is judged only where the test says what time it is. */
function withoutClock(test: TestSpec, topology: Topology): Topology {
  if (test.clockMs !== null) return topology
  const nodes = topology.nodes.map((node) => ({
    ...node,
    settings: { ...node.settings, maxFutureMs: Number.POSITIVE_INFINITY },
  }))
  return { ...topology, nodes }
}

async function runStep(step: TestStep, driver: PipelineDriver, seen: SeenSoFar): Promise<string[]> {
  if (step.kind === 'advance') await driver.advance(step.byMs)
  else if (step.kind === 'restart') await driver.restart()
  else if (step.kind === 'fail') for (const [stage, answers] of step.of) driver.fail(stage, answers)
  else if (step.kind === 'stub') for (const [name, answers] of step.of) driver.stub(name, answers)
  else if (step.kind === 'send') {
    for (const [to, items] of step.to) await driver.send(to, items.map(toRecord))
  } else {
    const problems: string[] = []
    for (const [what, expected] of step.of) {
      const found = await seen.difference(what, expected)
      if (found !== null) problems.push(`${what}: ${found}`)
    }
    return problems
  }
  return []
}

function toRecord(item: unknown): PushedRecord {
  const plain = { key: null, headers: [], timestampMs: null }
  if (typeof item !== 'object' || item === null)
    return { ...plain, value: encodeJson(item as JsonValue) }
  if ('$raw' in item) return { ...plain, value: String(item.$raw) }
  if (!('$record' in item)) return { ...plain, value: encodeJson(item as JsonValue) }
  const { key, value, headers, timestamp } = item.$record as {
    key?: string | null
    value?: JsonValue
    headers?: Record<string, string>
    timestamp?: string | number
  }
  return {
    key: key ?? null,
    value: value === undefined || value === null ? null : encodeJson(value),
    headers: Object.entries(headers ?? {}).map(
      ([name, text]) => [name, Buffer.from(text)] as const,
    ),
    timestampMs:
      timestamp === undefined
        ? null
        : typeof timestamp === 'number'
          ? timestamp
          : Date.parse(timestamp),
  }
}

/** What came in one place in which order is kept: a partition of a topic, a sink, an event. */
type Arrivals = readonly Arrival[]

/** What has come since the last `expect` of the same name. */
class SeenSoFar {
  readonly #driver: PipelineDriver
  /** By name: how many have been seen in each place. */
  readonly #counts = new Map<string, readonly number[]>()

  constructor(driver: PipelineDriver) {
    this.#driver = driver
  }

  /** How what came differs from what was expected, or null. */
  async difference(what: string, expected: unknown): Promise<string | null> {
    if (what === 'filtered') return difference(expected, await this.#filtered(expected))
    const places = await this.#places(what, wantsRecords(expected))
    const before = this.#counts.get(what) ?? []
    this.#counts.set(
      what,
      places.map(({ length }) => length),
    )
    return differenceOfArrivals(
      expected,
      places.flatMap((place, index) => place.slice(before[index] ?? 0)),
    )
  }

  async #places(what: string, asRecords: boolean): Promise<readonly Arrivals[]> {
    const { topology, events } = this.#driver
    const show = asRecords ? recordOf : valueOf
    if (what === 'dlq') return this.#aside('dead_letter', deadLetterOf)
    if (what === 'late') return this.#aside('late', show)
    if (what in hookEvents) {
      const named = events.filter(({ event }) => event === what)
      return [
        named.map(({ stage, data, value }) => ({ item: { ...data, stage, value }, order: '' })),
      ]
    }
    if (this.#driver.isSinkStage(what))
      return [arrivalsOf(this.#driver.written(what), { show, place: what })]
    if (!topology.topics.some(({ name }) => name === what))
      throw new TypeError(
        `"${what}" is no topic, sink stage or event of the pipeline; dlq, late and filtered can be expected too`,
      )
    return this.#inTopic(what, show)
  }

  async #aside(kind: 'dead_letter' | 'late', show: Show): Promise<readonly Arrivals[]> {
    const topics = this.#driver.topology.topics.filter((topic) => topic.kind === kind)
    return (await Promise.all(topics.map(({ name }) => this.#inTopic(name, show)))).flat()
  }

  async #inTopic(topic: string, show: Show): Promise<readonly Arrivals[]> {
    const partitions = await this.#driver.storedByPartition(topic)
    return partitions.map((batches, partition) =>
      arrivalsOf(batches, { show, place: `${topic}/${partition}` }),
    )
  }

  /** A number is all records that were dropped so far; a map says how many by stage. */
  async #filtered(expected: unknown): Promise<unknown> {
    const { pipelines } = await this.#driver.report()
    const stages = pipelines.flatMap((pipeline) => pipeline.stages)
    const counts = stages.map(
      ({ stage, dispositions }) =>
        [stage, dispositions.filtered + dispositions.deduplicated + dispositions.skipped] as const,
    )
    return typeof expected === 'number'
      ? counts.reduce((sum, [, count]) => sum + count, 0)
      : Object.fromEntries(counts)
  }
}

function wantsRecords(expected: unknown): boolean {
  return (
    Array.isArray(expected) &&
    expected.some((item) => typeof item === 'object' && item !== null && '$record' in item)
  )
}

type Show = (batch: RecordBatch, index: number) => unknown

/** Records of one key keep their order; those without a key, that of their place. */
function arrivalsOf(
  batches: readonly RecordBatch[],
  how: { show: Show; place: string },
): Arrival[] {
  return batches.flatMap((batch) =>
    Array.from({ length: batch.count }, (_, index) => index)
      .filter((index) => !batch.isMarker(index))
      .map((index) => ({
        item: how.show(batch, index),
        order: JSON.stringify([how.place, batch.keyText(index)]),
      })),
  )
}

function valueOf(batch: RecordBatch, index: number): unknown {
  const text = batch.valueText(index)
  try {
    return text === null ? null : decodeJson(text)
  } catch {
    return text
  }
}

function headersOf(batch: RecordBatch, index: number): Record<string, string> {
  return Object.fromEntries(
    batch.headers(index).map(([name, value]) => [name, Buffer.from(value).toString('utf8')]),
  )
}

function recordOf(batch: RecordBatch, index: number): unknown {
  return {
    $record: {
      key: batch.keyText(index),
      value: valueOf(batch, index),
      headers: headersOf(batch, index),
    },
  }
}

/** The facts in the headers by their short names, beside key and value: `{ stage, code, step, value }`. */
function deadLetterOf(batch: RecordBatch, index: number): unknown {
  const facts = Object.entries(headersOf(batch, index)).flatMap(([name, text]) =>
    name.startsWith('millrace-dlq-') ? [[name.slice('millrace-dlq-'.length), text] as const] : [],
  )
  return { ...Object.fromEntries(facts), key: batch.keyText(index), value: valueOf(batch, index) }
}
