import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { PipelineError } from '../../core/errors.ts'
import type { TopicSpec } from '../../core/log.ts'
import { queryRows } from './query.ts'
import { rowChecksum } from './schema.ts'

export interface PartitionRow {
  readonly id: number
  readonly topicId: number
  readonly topic: string
  readonly number: number
  start: number
  next: number
}

export interface TopicRow {
  readonly id: number
  readonly name: string
  retentionMs: number | null
  readonly partitions: readonly PartitionRow[]
}

export interface TaskRow {
  readonly number: number
  readonly id: string
  readonly group: string
  epoch: number
}

const selectTopics = `
  SELECT t.id, t.name, t.partition_count, t.retention_ms, t.crc AS topic_crc, p.id AS partition_id,
    p.number, p.start_offset, p.next_offset, p.crc
  FROM topics t LEFT JOIN partitions p ON p.topic_id = t.id`
const inOrder = 'ORDER BY t.id, p.number'

interface TopicJoinRow {
  readonly id: number
  readonly name: string
  readonly partition_count: number
  readonly retention_ms: number | null
  readonly topic_crc: number
  readonly partition_id: number | null
  readonly number: number
  readonly start_offset: number
  readonly next_offset: number
  readonly crc: number
}

interface TaskColumns {
  readonly number: number
  readonly id: string
  readonly group_name: string
  readonly epoch: number
  readonly crc: number
}

interface PositionColumns {
  readonly group_name: string
  readonly partition_id: number
  readonly next_offset: number
  readonly crc: number
}

/** All topics by name, in one statement, so that they are of one moment. */
export function loadTopics(db: DatabaseSync): Map<string, TopicRow> {
  return topicsOf(queryRows<TopicJoinRow>(db.prepare(`${selectTopics} ${inOrder}`)))
}

/** One of them. */
export function loadTopic(db: DatabaseSync, name: string): TopicRow | undefined {
  const select = db.prepare(`${selectTopics} WHERE t.name = ? ${inOrder}`)
  return topicsOf(queryRows<TopicJoinRow>(select, name)).get(name)
}

function topicsOf(rows: readonly TopicJoinRow[]): Map<string, TopicRow> {
  const topics = new Map<string, TopicRow & { partitions: PartitionRow[] }>()
  const counts = new Map<string, number>()
  for (const row of rows) {
    const { id, name, partition_count: count, retention_ms: retentionMs } = row
    const topic = topics.get(name) ?? { id, name, retentionMs, partitions: [] }
    if (!topics.has(name)) assertChecksum('topics', row.topic_crc, [id, name, count, retentionMs])
    topics.set(name, topic)
    counts.set(name, count)
    if (row.partition_id === null) continue
    const { partition_id: partitionId, number, start_offset: start, next_offset: next } = row
    assertChecksum('partitions', row.crc, [partitionId, id, number, start, next])
    topic.partitions.push({ id: partitionId, topicId: id, topic: name, number, start, next })
  }
  for (const { name, partitions } of topics.values()) {
    const areComplete = partitions.every(({ number }, index) => number === index)
    if (!areComplete || partitions.length !== counts.get(name)) throw corrupt('partitions')
  }
  return topics
}

function assertChecksum(table: string, crc: number, columns: (string | number | null)[]): void {
  if (rowChecksum(...columns) !== crc) throw corrupt(table)
}

function corrupt(table: string): PipelineError {
  return new PipelineError(
    'LOG_CORRUPT',
    `log.db: a row of table ${table} is damaged; restore a backup of the data directory, or move ` +
      'it away to begin without its records',
  )
}

/** The tables that fit in memory, kept there by their only writer and checked when they are read. */
export class SmallTables {
  readonly #db: DatabaseSync
  readonly #update: {
    readonly partition: StatementSync
    readonly position: StatementSync
    readonly task: StatementSync
  }
  topics = new Map<string, TopicRow>()
  /** By id. */
  partitions = new Map<number, PartitionRow>()
  /** By id and by number. */
  tasks = new Map<string, TaskRow>()
  tasksByNumber = new Map<number, TaskRow>()
  /** Next offsets by group and partition id. */
  positions = new Map<string, Map<number, number>>()

  constructor(db: DatabaseSync) {
    this.#db = db
    this.#update = {
      partition: db.prepare(
        'UPDATE partitions SET start_offset = ?, next_offset = ?, crc = ? WHERE id = ?',
      ),
      position: db.prepare('INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?)'),
      task: db.prepare('INSERT OR REPLACE INTO tasks VALUES (?, ?, ?, ?, ?)'),
    }
    this.load()
  }

  /** Reads everything again: at the start, and after a transaction was rolled back. */
  load(): void {
    this.topics = loadTopics(this.#db)
    this.partitions = new Map()
    for (const topic of this.topics.values()) {
      for (const partition of topic.partitions) this.partitions.set(partition.id, partition)
    }
    this.#loadTasks()
    this.#loadPositions()
  }

  createTopic({ name, partitions, retentionMs }: TopicSpec): void {
    const insertTopic = this.#db.prepare('INSERT INTO topics VALUES (NULL, ?, ?, ?, 0)')
    const id = Number(insertTopic.run(name, partitions, retentionMs).lastInsertRowid)
    const rows: PartitionRow[] = []
    const insert = this.#db.prepare('INSERT INTO partitions VALUES (NULL, ?, ?, 0, 0, 0)')
    for (let number = 0; number < partitions; number++) {
      const partitionId = Number(insert.run(id, number).lastInsertRowid)
      const row = { id: partitionId, topicId: id, topic: name, number, start: 0, next: 0 }
      this.savePartition(row)
      this.partitions.set(partitionId, row)
      rows.push(row)
    }
    const topic = { id, name, retentionMs, partitions: rows }
    this.topics.set(name, topic)
    this.setRetention(topic, retentionMs)
  }

  setRetention(topic: TopicRow, retentionMs: number | null): void {
    topic.retentionMs = retentionMs
    const crc = rowChecksum(topic.id, topic.name, topic.partitions.length, retentionMs)
    const update = this.#db.prepare('UPDATE topics SET retention_ms = ?, crc = ? WHERE id = ?')
    update.run(retentionMs, crc, topic.id)
  }

  savePartition({ id, topicId, number, start, next }: PartitionRow): void {
    this.#update.partition.run(start, next, rowChecksum(id, topicId, number, start, next), id)
  }

  savePosition(group: string, partitionId: number, offset: number): void {
    const positions = this.positions.get(group) ?? new Map<number, number>()
    this.positions.set(group, positions.set(partitionId, offset))
    const crc = rowChecksum(group, partitionId, offset)
    this.#update.position.run(group, partitionId, offset, crc)
  }

  /** @param spec of a task whose epoch grows by one, or that begins with epoch 1. */
  raiseEpoch({ id, group }: { id: string; group: string }): TaskRow {
    const existing = this.tasks.get(id)
    const highest = this.#db.prepare(`SELECT seq FROM sqlite_sequence WHERE name = 'tasks'`).get()
    const number = existing?.number ?? Number(highest?.['seq'] ?? 0) + 1
    const row = { number, id, group, epoch: (existing?.epoch ?? 0) + 1 }
    this.#update.task.run(number, id, group, row.epoch, rowChecksum(number, id, group, row.epoch))
    this.tasks.set(id, row)
    this.tasksByNumber.set(number, row)
    return row
  }

  /** Removes the rows of the topic here; its batches are the caller's. */
  forgetTopic(topic: TopicRow): void {
    for (const { id } of topic.partitions) {
      this.partitions.delete(id)
      this.#db.prepare('DELETE FROM positions WHERE partition_id = ?').run(id)
      for (const positions of this.positions.values()) positions.delete(id)
    }
    this.#db.prepare('DELETE FROM partitions WHERE topic_id = ?').run(topic.id)
    this.#db.prepare('DELETE FROM topics WHERE id = ?').run(topic.id)
    this.topics.delete(topic.name)
  }

  /** Removes positions, tasks and state of the group. */
  forgetGroup(group: string): void {
    this.#db.prepare('DELETE FROM positions WHERE group_name = ?').run(group)
    this.positions.delete(group)
    for (const { id, number } of [...this.tasks.values()].filter((task) => task.group === group)) {
      this.#db.prepare('DELETE FROM state WHERE task = ?').run(number)
      this.#db.prepare('DELETE FROM state_batches WHERE task = ?').run(number)
      this.#db.prepare('DELETE FROM tasks WHERE number = ?').run(number)
      this.tasks.delete(id)
      this.tasksByNumber.delete(number)
    }
  }

  #loadTasks(): void {
    this.tasks = new Map()
    this.tasksByNumber = new Map()
    const select = this.#db.prepare('SELECT number, id, group_name, epoch, crc FROM tasks')
    for (const row of queryRows<TaskColumns>(select)) {
      const { number, id, group_name: group, epoch, crc } = row
      assertChecksum('tasks', crc, [number, id, group, epoch])
      const task = { number, id, group, epoch }
      this.tasks.set(id, task)
      this.tasksByNumber.set(number, task)
    }
  }

  #loadPositions(): void {
    this.positions = new Map()
    const select = this.#db.prepare('SELECT * FROM positions')
    for (const row of queryRows<PositionColumns>(select)) {
      const { group_name: group, partition_id: partitionId, next_offset: next, crc } = row
      assertChecksum('positions', crc, [group, partitionId, next])
      const positions = this.positions.get(group) ?? new Map<number, number>()
      this.positions.set(group, positions.set(partitionId, next))
    }
  }
}
