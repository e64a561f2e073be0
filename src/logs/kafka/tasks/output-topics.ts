import { PipelineError } from '../../../core/errors.ts'
import type { TopicPartition } from '../../../core/log.ts'
import type { KafkaContext } from '../kafka-context.ts'
import { patiently } from '../patiently.ts'

/** A broker does not know at once what another one has just made, nor all when it has just started. */
const patienceMs = 3_000
const pauseMs = 50

/**
 * The partitions that a task writes to. One that does not exist is found before anything of a commit is
 * sent: a producer would wait for it to come.
 */
export class OutputTopics {
  readonly #context: KafkaContext
  /** By topic: its partitions. */
  readonly #known = new Map<string, number>()

  constructor(context: KafkaContext) {
    this.#context = context
  }

  /** null when all are known to exist. */
  check(outputs: readonly TopicPartition[]): Promise<void> | null {
    for (const output of outputs) if (!this.#isKnown(output)) return this.#look(outputs)
    return null
  }

  /** Looks again at the next check. */
  forget(): void {
    this.#known.clear()
  }

  #isKnown({ topic, partition }: TopicPartition): boolean {
    return partition < (this.#known.get(topic) ?? 0)
  }

  /** @throws PipelineError CONFIG_USAGE */
  async #look(outputs: readonly TopicPartition[]): Promise<void> {
    const { client, clock, closing } = this.#context
    const untilUs = clock.monotonicUs() + patienceMs * 1_000
    for (;;) {
      const names = new Set(outputs.map(({ topic }) => topic))
      const found = await patiently(this.#context, () => client.describeTopics([...names]))
      for (const { name, leaders } of found) this.#known.set(name, leaders.length)
      const unknown = outputs.find((output) => !this.#isKnown(output))
      if (unknown === undefined) return
      const isOver = clock.monotonicUs() > untilUs || closing.aborted
      if (isOver) throw noSuchPartition(unknown)
      await clock.sleep(pauseMs, closing)
    }
  }
}

function noSuchPartition({ topic, partition }: TopicPartition): PipelineError {
  return new PipelineError(
    'CONFIG_USAGE',
    `there is no topic ${topic} with a partition ${partition} to write to: make it, or run without ` +
      '--no-create-topics',
  )
}
