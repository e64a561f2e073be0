import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { invariant, PipelineError } from '../../core/errors.ts'
import { RecordBatch } from '../../core/record-batch.ts'
import { assertForward, fencedError } from '../log-rules.ts'
import { newestTimestampMs } from '../stored-partition.ts'
import type { ReachFailpoint } from './failpoint.ts'
import { batchChecksum, batchId, maxBatchBytes, maxOffset } from './schema.ts'
import type { PartitionRow, SmallTables } from './small-tables.ts'
import { StateWriter } from './state-writer.ts'
import type { StoredCommit } from './writer-protocol.ts'

/** Writes single commits into a transaction that is open already. */
export class CommitWriter {
  readonly #tables: SmallTables
  readonly #reach: ReachFailpoint
  readonly #insertBatch: StatementSync
  readonly #state: StateWriter

  constructor(db: DatabaseSync, tables: SmallTables, reach: ReachFailpoint) {
    this.#tables = tables
    this.#reach = reach
    this.#insertBatch = db.prepare('INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?)')
    this.#state = new StateWriter(db)
  }

  /** To be called when a transaction was rolled back, or tasks were forgotten. */
  reload(): void {
    this.#state.load()
  }

  /**
   * @param grown collects the partitions whose next offset is still to be saved.
   * @throws PipelineError LOG_FENCED, INVARIANT, LOG_CORRUPT before anything of the commit is written.
   */
  write(commit: StoredCommit, seq: number, grown: Set<PartitionRow>): void {
    const task = this.#tables.tasksByNumber.get(commit.task)
    if (task === undefined) throw fencedError(`number ${commit.task}`)
    if (task.epoch !== commit.epoch) throw fencedError(task.id)
    const outputs = commit.outputs.map(({ partitionId, bytes }) => {
      return { partition: this.#partition(partitionId), batch: checkedBatch(bytes) }
    })
    this.#assertPositions(task.group, commit)
    for (const { partition, batch } of outputs) {
      this.#append(partition, batch, seq)
      grown.add(partition)
    }
    this.#reach('after-outputs')
    this.#state.write(commit.task, commit.state)
    this.#reach('after-state')
    for (const { partitionId, offset } of commit.next) {
      this.#tables.savePosition(task.group, partitionId, offset)
    }
    this.#reach('after-positions')
  }

  #assertPositions(group: string, commit: StoredCommit): void {
    const positions = this.#tables.positions.get(group)
    for (const { partitionId, offset } of commit.next) {
      const partition = this.#partition(partitionId)
      const from = positions?.get(partitionId)
      assertForward(
        { topic: partition.topic, partition: partition.number, offset: BigInt(offset) },
        { from: from === undefined ? undefined : BigInt(from), end: BigInt(partition.next) },
      )
    }
  }

  #append(partition: PartitionRow, batch: RecordBatch, commitSeq: number): void {
    const { id: partitionId, next: baseOffset } = partition
    const { count, bytes: data } = batch
    invariant(baseOffset + count <= maxOffset, 'a partition holds at most 2^40 records')
    const maxTimestampMs = newestTimestampMs(batch)
    const row = { partitionId, baseOffset, count, maxTimestampMs, commitSeq, data }
    const id = batchId(partitionId, baseOffset)
    this.#insertBatch.run(id, count, maxTimestampMs, commitSeq, batchChecksum(row), data)
    partition.next = baseOffset + count
  }

  #partition(id: number): PartitionRow {
    const partition = this.#tables.partitions.get(id)
    if (partition !== undefined) return partition
    throw new PipelineError('INVARIANT', 'a task commits to a topic that was reset meanwhile')
  }
}

function checkedBatch(bytes: Uint8Array): RecordBatch {
  invariant(bytes.length <= maxBatchBytes, 'a record batch of more than 512 MiB is never written')
  const batch = new RecordBatch(bytes)
  const isDense = batch.count > 0 && batch.offsetDelta[batch.count - 1] === batch.count - 1
  invariant(isDense, 'the offsets in a batch have no gaps when it is appended')
  return batch
}
