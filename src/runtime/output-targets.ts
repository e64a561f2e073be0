import { RecordFailure } from '../core/errors.ts'
import type { AppendedRecord } from '../core/record-batch-builder.ts'
import type { StepRecord } from '../core/step-record.ts'
import { outputTopicsOf } from '../topology/order-nodes.ts'
import type { OutputChoice, RoutedTopic, StageNode } from '../topology/topology.ts'
import type { OutputCollector, PartitionBuilders } from './output-collector.ts'
import type { RecordLimits } from './record-limits.ts'

/** A topic that results of a task go to. */
export class OutputTarget {
  readonly topic: string
  readonly partitions: number
  /** Bytes that a record of it may have, in this slice. */
  maxBytes = Number.POSITIVE_INFINITY
  readonly #samePartition: boolean
  readonly #builders: PartitionBuilders
  readonly #ownPartition: number

  constructor(
    { topic, partitions, samePartition }: RoutedTopic,
    of: { readonly collector: OutputCollector; readonly taskIndex: number },
  ) {
    this.topic = topic
    this.partitions = partitions
    this.#samePartition = samePartition
    this.#builders = of.collector.topic(topic, partitions)
    this.#ownPartition = of.taskIndex % partitions
  }

  /** @param from the partition that it came from; null: a step made it. */
  append(record: AppendedRecord, from: number | null): void {
    if (from === null && record.key === null) {
      // Made results without a key are one group: in one partition they keep their order.
      this.#builders.append(this.#ownPartition, record)
    } else if (this.#samePartition && from !== null) this.#builders.append(from, record)
    else this.#builders.appendByKey(record)
  }

  /** One to each partition. */
  appendToAll(record: AppendedRecord): void {
    for (let partition = 0; partition < this.partitions; partition++)
      this.#builders.append(partition, record)
  }
}

/** Where the results of a task go: to one topic, to one of several, or to none. */
export class OutputTargets {
  readonly #all: readonly OutputTarget[]
  readonly #only: OutputTarget | null
  readonly #choice: OutputChoice | null
  readonly #byTopic: ReadonlyMap<string, OutputTarget>

  constructor(node: StageNode, of: { collector: OutputCollector; taskIndex: number }) {
    this.#all = outputTopicsOf(node).map((output) => new OutputTarget(output, of))
    this.#choice = node.output?.kind === 'topics' ? node.output.choice : null
    this.#only = this.#choice === null ? (this.#all[0] ?? null) : null
    this.#byTopic = new Map(this.#all.map((target) => [target.topic, target]))
  }

  /** Asks how large records may be, for the slice that begins. */
  begin(limits: RecordLimits): void {
    for (const target of this.#all) target.maxBytes = limits.of(target.topic)
  }

  /**
   * The topic of a result; null where it goes to a sink, or nowhere.
   * @throws RecordFailure RECORD_ROUTE when it has none.
   */
  of(record: StepRecord): OutputTarget | null {
    return this.#choice === null ? this.#only : this.#chosen(this.#choice, record)
  }

  #chosen(choice: OutputChoice, record: StepRecord): OutputTarget {
    if (choice.kind === 'route') {
      const { output } = record
      // The next result of the same record chooses anew.
      record.output = null
      const topic = output === null ? choice.otherwise : choice.byName.get(output)
      if (topic != null) return this.#byTopic.get(topic)!
      throw new RecordFailure(
        'RECORD_ROUTE',
        'no condition of `route` is true, and `to` has no `otherwise`',
      )
    }
    const { template } = choice
    const topic = template.render(record)
    const target = this.#byTopic.get(topic)
    if (target !== undefined) return target
    const given = JSON.stringify(topic.slice(0, maxShownLength))
    throw new RecordFailure(
      'RECORD_ROUTE',
      `the topic ${template.source} gives ${given}, which \`allow\` of \`to\` does not have`,
    )
  }
}

const maxShownLength = 100
