import { createSystemClock } from '../../../src/clock/system-clock.ts'
import { SeededRandom } from '../../../src/simulation/seeded-random.ts'
import { createTopicWithJava, type JavaInput, produceWithJava } from '../java/kafka-tool.ts'

export interface WorkloadOptions {
  /** Of the pipeline, and the first part of the names of all its topics. */
  readonly name: string
  readonly address: string
  readonly records: number
  readonly seed?: number
  readonly delivery?: 'at_least_once' | 'exactly_once'
  readonly partitions?: number
  /** The share of all records that have one key. */
  readonly hot?: number
}

export interface Order {
  readonly id: string
  readonly amount: number
  readonly country: string
  /** Epoch ms. */
  readonly ts: number
}

export const windowMs = 100_000
/** Records are out of order by so much, and windows wait for twice as long: nothing is late. */
const disorderMs = 5_000
const graceMs = 2 * disorderMs
/** Event time between records; slow enough for some ten windows in 100,000 records. */
const stepMs = 10
const users = 200
const countries = ['NL', 'FR', 'DE', 'BE', 'LU', 'ES', 'IT', 'PT', 'AT', 'PL', 'SE', 'FI']
const filteredPart = 0.05
const brokenPart = 0.01
/** Of records that are there to close the windows of all others, and whose own stay open. */
const lastCountry = 'ZZ'
const hourMs = 3_600_000
/**
 * One batch at a time: of those that it has taken from a producer a broker remembers over a restart only the
 * last one in each partition, and Java's producer waits in vain for it to recognize an earlier one.
 */
const feeding = { 'batch.size': '65536', 'max.in.flight.requests.per.connection': '1' }

/**
 * Orders of many users over the partitions of a topic that no pipeline writes, and a pipeline over them:
 * a stage without state, one with windows by the record's key, one with windows by another field (through
 * a repartition topic).
 */
export class Workload {
  readonly name: string
  readonly partitions: number
  readonly records: number
  readonly #options: WorkloadOptions
  readonly #random: SeededRandom
  readonly #startMs: number
  #produced = 0

  constructor(options: WorkloadOptions) {
    const { name, records, seed = 1, partitions = 9 } = options
    this.name = name
    this.records = records
    this.partitions = partitions
    this.#options = options
    this.#random = new SeededRandom(seed)
    // All event times lie in the past: what is far ahead of the clock would be refused.
    this.#startMs = Math.floor(createSystemClock().wallMs() / hourMs - 3) * hourMs
  }

  topic(end: 'in' | 'clean' | 'totals' | 'countries' | 'clean.dlq'): string {
    return `${this.name}.${end}`
  }

  get file(): string {
    const { delivery = 'exactly_once' } = this.#options
    return `
pipeline: ${this.name}
topics:
  ${this.topic('clean')}:
    partitions: ${this.partitions}
  ${this.topic('totals')}:
    partitions: ${this.partitions}
  ${this.topic('countries')}:
    partitions: ${this.partitions}
stages:
  - name: clean
    from: ${this.topic('in')}
    delivery: ${delivery}
    steps:
      - filter: value.amount >= 0
      - set:
          doubled: value.amount * 2
    to: ${this.topic('clean')}
  - name: totals
    from: ${this.topic('clean')}
    event_time: value.ts
    steps:
      - aggregate:
          window: { tumbling: ${windowMs}ms, grace: ${graceMs}ms }
          by: { user: key }
          fields: { n: count(), sum: sum(value.amount) }
    to: ${this.topic('totals')}
  - name: countries
    from: ${this.topic('clean')}
    event_time: value.ts
    steps:
      - aggregate:
          window: { tumbling: ${windowMs}ms, grace: ${graceMs}ms }
          by: value.country
          fields: { n: count(), sum: sum(value.doubled) }
    to: ${this.topic('countries')}
`
  }

  async createTopic(): Promise<void> {
    const { address } = this.#options
    await createTopicWithJava(address, { name: this.topic('in'), partitions: this.partitions })
  }

  /** The next so many records, by Kafka's own producer; at the end also those that close all windows. */
  async produce(count: number): Promise<void> {
    const until = Math.min(this.records, this.#produced + count)
    const records: JavaInput[] = []
    for (let number = this.#produced; number < until; number++) records.push(this.#order(number))
    this.#produced = until
    if (until === this.records) records.push(...this.#last())
    await produceWithJava(this.#options.address, [{ records }], feeding)
  }

  /** How many records have come so far. */
  get produced(): number {
    return this.#produced
  }

  get isProduced(): boolean {
    return this.#produced === this.records
  }

  #order(number: number): JavaInput {
    const random = this.#random
    const { hot = 0 } = this.#options
    const isHot = random.next() < hot
    const user = isHot ? 0 : Math.floor(random.next() * users)
    const order: Order = {
      id: `o${number}`,
      amount: random.next() < filteredPart ? -1 : Math.floor(random.next() * 1_000),
      country: countries[Math.floor(random.next() * countries.length)]!,
      ts: this.#startMs + number * stepMs - Math.floor(random.next() * disorderMs),
    }
    const text = JSON.stringify(order)
    const value = random.next() < brokenPart ? text.slice(0, -5) : text
    return { topic: this.topic('in'), key: `u${user}`, value }
  }

  #last(): JavaInput[] {
    const ts = this.#startMs + this.records * stepMs + hourMs
    return Array.from({ length: this.partitions }, (_, partition) => {
      const order: Order = { id: `last${partition}`, amount: 0, country: lastCountry, ts }
      const value = JSON.stringify(order)
      return { topic: this.topic('in'), partition, key: `last${partition}`, value }
    })
  }
}
