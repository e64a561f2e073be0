import type { Log, LogAdmin, LogReader, TaskLog, TaskSpec } from '../../core/log.ts'
import type { WorkGroup } from '../../core/work-group.ts'
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

  async openTask(spec: TaskSpec): Promise<TaskLog> {
    const task = await translated(`opening ${spec.id}`, () =>
      openTask(this.#context, this.#registry, spec),
    )
    this.#tasks.add(task)
    const close = task.close.bind(task)
    task.close = async () => {
      this.#tasks.delete(task)
      await close()
    }
    return task
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
