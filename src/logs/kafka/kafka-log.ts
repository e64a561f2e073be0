import { PipelineError } from '../../core/errors.ts'
import type { Log, LogAdmin, LogFinding, LogReader, TaskLog, TaskSpec } from '../../core/log.ts'
import { unlessAborted } from '../../core/unless-aborted.ts'
import type { WorkGroup } from '../../core/work-group.ts'
import { examineCluster } from './examine-cluster.ts'
import { KafkaAdmin } from './kafka-admin.ts'
import type { KafkaContext } from './kafka-context.ts'
import { KafkaReader } from './kafka-reader.ts'
import { translated } from './pipeline-error.ts'
import { TaskRegistry } from './task-registry.ts'
import { openTask } from './tasks/open-task.ts'

export interface KafkaLogParts {
  readonly context: KafkaContext
  readonly group: WorkGroup
  /** Ends the context's `closing`. */
  readonly close: () => void
}

const never = new AbortController().signal

/** A log whose topics lie in a Kafka cluster; see the README for what it promises. */
export class KafkaLog implements Log {
  readonly reader: LogReader
  readonly admin: LogAdmin
  readonly group: WorkGroup
  readonly #context: KafkaContext
  readonly #close: () => void
  readonly #registry: TaskRegistry
  readonly #tasks = new Set<TaskLog>()

  constructor({ context, group, close }: KafkaLogParts) {
    this.#context = context
    this.#close = close
    this.group = group
    this.#registry = new TaskRegistry(context)
    this.reader = new KafkaReader(context)
    this.admin = new KafkaAdmin(context, this.#registry)
  }

  async openTask(spec: TaskSpec, signal: AbortSignal = never): Promise<TaskLog> {
    const opening = this.#open(spec, signal)
    const task = await unlessAborted(opening, signal)
    if (task === null) {
      opening.then((late) => late.close()).catch(() => {})
      throw new PipelineError('LOG_IO', `opening ${spec.id} was stopped`)
    }
    this.#tasks.add(task)
    const close = task.close.bind(task)
    task.close = async () => {
      this.#tasks.delete(task)
      await close()
    }
    return task
  }

  examine(): Promise<readonly LogFinding[]> {
    return translated('examining the cluster', () => examineCluster(this.#context))
  }

  /** What the task waits for later ends with the log alone. */
  async #open(spec: TaskSpec, signal: AbortSignal): Promise<TaskLog> {
    const opening = new AbortController()
    const stop = () => opening.abort()
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    const closing = AbortSignal.any([this.#context.closing, opening.signal])
    try {
      return await translated(`opening ${spec.id}`, () =>
        openTask({ ...this.#context, closing }, this.#registry, spec),
      )
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#tasks].map((task) => task.close()))
    this.#close()
    const { fetcher, scanner, producer, client, caches } = this.#context
    await caches?.close()
    for (const each of [fetcher, scanner]) each.close()
    producer.close()
    await client.close()
  }
}
