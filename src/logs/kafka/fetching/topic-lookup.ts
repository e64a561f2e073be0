import type { KafkaClient, TopicMetadata } from '../client/kafka-client.ts'

/**
 * Looks topics up, for several askers at a time: whoever asks while a question is under way waits for
 * the next one, which is put for all of them.
 */
export class TopicLookup {
  readonly #client: KafkaClient
  #wanted = new Set<string>()
  #next: Promise<ReadonlyMap<string, TopicMetadata>> | null = null
  #last: Promise<unknown> = Promise.resolve()

  constructor(client: KafkaClient) {
    this.#client = client
  }

  /** undefined: there is no such topic. @throws KafkaError */
  async describe(topic: string): Promise<TopicMetadata | undefined> {
    this.#wanted.add(topic)
    this.#next ??= this.#ask()
    return (await this.#next).get(topic)
  }

  async #ask(): Promise<ReadonlyMap<string, TopicMetadata>> {
    await this.#last
    const names = [...this.#wanted]
    this.#wanted = new Set()
    this.#next = null
    const asked = this.#client.describeTopics(names)
    this.#last = asked.catch(() => {
      // Who asked gets the error.
    })
    return new Map((await asked).map((topic) => [topic.name, topic]))
  }
}
