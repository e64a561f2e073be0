import type { DatabaseSync } from 'node:sqlite'
import { PipelineError } from '../../core/errors.ts'
import type {
  LogReader,
  OffsetRange,
  SliceBatch,
  TopicDescription,
  TopicPartition,
  TopicSpec,
} from '../../core/log.ts'
import { noSuchTopic } from '../log-rules.ts'
import { readOnward } from '../stored-partition.ts'
import type { BatchReader } from './batch-reader.ts'
import { EmbeddedPartition } from './embedded-partition.ts'
import { inReadTransaction } from './read-transaction.ts'
import { rowChecksum } from './schema.ts'
import { loadTopic, loadTopics, type PartitionRow } from './small-tables.ts'

/**
 * Looks into a log that this or another process writes. Each call is a transaction of its own, so that
 * what it returns is of one moment, and short, so that the writer's checkpoints get on.
 */
export class EmbeddedReader implements LogReader {
  readonly #db: DatabaseSync
  readonly #batches: BatchReader

  constructor(db: DatabaseSync, batches: BatchReader) {
    this.#db = db
    this.#batches = batches
  }

  async topics(): Promise<readonly TopicDescription[]> {
    return inReadTransaction(this.#db, 'reading the topics', () =>
      [...loadTopics(this.#db).values()].map(({ name, retentionMs, partitions }) => ({
        name,
        partitions: partitions.length,
        retentionMs,
        ranges: partitions.map(rangeOf),
      })),
    )
  }

  async ranges(topic: string): Promise<readonly OffsetRange[]> {
    return inReadTransaction(this.#db, `reading topic ${topic}`, () => {
      const row = loadTopic(this.#db, topic)
      if (row === undefined) throw noSuchTopic(topic)
      return row.partitions.map(rangeOf)
    })
  }

  async describeTopics(names: readonly string[]): Promise<readonly TopicSpec[]> {
    const topics = inReadTransaction(this.#db, 'reading the topics', () => loadTopics(this.#db))
    return names.flatMap((name) => {
      const topic = topics.get(name)
      if (topic === undefined) return []
      const { retentionMs, partitions } = topic
      return [{ name, partitions: partitions.length, retentionMs }]
    })
  }

  async read(
    { topic, partition, offset }: TopicPartition & { readonly offset: bigint },
    maxBytes: number,
  ): Promise<readonly SliceBatch[]> {
    return inReadTransaction(this.#db, `reading topic ${topic}`, () => {
      const row = loadTopic(this.#db, topic)?.partitions[partition]
      if (row === undefined) throw noSuchPartition(topic, partition)
      return readOnward(new EmbeddedPartition(row, this.#batches), offset, maxBytes)
    })
  }

  async loadManifest(pipeline: string): Promise<string | null> {
    return inReadTransaction(this.#db, `reading the manifest of ${pipeline}`, () => {
      const select = this.#db.prepare('SELECT manifest, crc FROM manifests WHERE pipeline = ?')
      const row = select.get(pipeline)
      if (row === undefined) return null
      const manifest = String(row['manifest'])
      if (rowChecksum(pipeline, manifest) === row['crc']) return manifest
      throw new PipelineError(
        'LOG_CORRUPT',
        `the stored manifest of pipeline ${pipeline} fails its checksum; restore a backup of the data ` +
          'directory, or run with --fresh to begin again',
      )
    })
  }

  async manifests(): Promise<readonly string[]> {
    return inReadTransaction(this.#db, 'reading the manifests', () => {
      const rows = this.#db.prepare('SELECT pipeline FROM manifests ORDER BY pipeline').all()
      return rows.map((row) => String(row['pipeline']))
    })
  }

  /** Nothing to do: the connection is the log's. */
  async close(): Promise<void> {}
}

function rangeOf({ start, next }: PartitionRow): OffsetRange {
  return { start: BigInt(start), end: BigInt(next) }
}

export function noSuchPartition(topic: string, partition: number): PipelineError {
  return new PipelineError(
    'CONFIG_USAGE',
    `there is no topic ${topic} with a partition ${partition}`,
  )
}
