import type { TaskCommit } from '../core/log.ts'
import { RecordBatchBuilder, type AppendedRecord } from '../core/record-batch-builder.ts'
import { partitionOf } from '../core/partitioner.ts'

/** Batches of one slice by topic and partition, encoded as the records come. */
export class OutputCollector {
  readonly #writer: string
  readonly #topics = new Map<string, PartitionBuilders>()

  constructor(writer: string) {
    this.#writer = writer
  }

  /** The topic's builders, looked up once and kept by the caller. */
  topic(name: string, partitions: number): PartitionBuilders {
    let builders = this.#topics.get(name)
    if (builders === undefined) {
      builders = new PartitionBuilders(this.#writer, partitions)
      this.#topics.set(name, builders)
    }
    return builders
  }

  /** All batches since the last call. */
  take(): TaskCommit['outputs'] {
    return [...this.#topics].flatMap(([topic, builders]) =>
      builders
        .all()
        .flatMap((builder, partition) =>
          builder === undefined || builder.count === 0
            ? []
            : [{ topic, partition, batch: builder.finish() }],
        ),
    )
  }
}

export class PartitionBuilders {
  readonly partitions: number
  readonly #writer: string
  readonly #builders: (RecordBatchBuilder | undefined)[]
  #roundRobin = 0

  constructor(writer: string, partitions: number) {
    this.#writer = writer
    this.partitions = partitions
    this.#builders = Array.from({ length: partitions }, () => undefined)
  }

  append(partition: number, record: AppendedRecord): void {
    const builder = this.#builders[partition] ?? new RecordBatchBuilder(this.#writer)
    this.#builders[partition] = builder
    builder.append(record)
  }

  /** Records without a key are spread evenly. */
  appendByKey(record: AppendedRecord): void {
    this.append(
      record.key === null ? this.#nextPartition() : partitionOf(record.key, this.partitions),
      record,
    )
  }

  all(): readonly (RecordBatchBuilder | undefined)[] {
    return this.#builders
  }

  #nextPartition(): number {
    const partition = this.#roundRobin
    this.#roundRobin = (partition + 1) % this.partitions
    return partition
  }
}
