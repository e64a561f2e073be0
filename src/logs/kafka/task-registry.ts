import { decodeJson, encodeJson, isJsonObject, type JsonValue } from '../../core/json.ts'
import type { TaskSpec, TopicPartition } from '../../core/log.ts'
import type { KafkaContext } from './kafka-context.ts'
import { KeptTexts } from './kept-texts.ts'

/** By task: what its state and positions are made of. */
export const taskTopic = '_millrace.tasks'

/**
 * What a task stood on when it was opened last. Without it a topic, state or positions that were lost look
 * like those of a first start.
 */
export interface TaskRecord {
  readonly group: string
  /** Id of the topic with its state; null: it has none. */
  readonly changelogId: string | null
  /** Inputs in which the task has a position, with the ids of their topics (null: not known). */
  readonly inputs: readonly (TopicPartition & { readonly topicId: string | null })[]
}

/** What all workers know of each other's tasks, beyond their state and positions. */
export class TaskRegistry {
  readonly #texts: KeptTexts

  constructor(context: KafkaContext) {
    this.#texts = new KeptTexts(context, taskTopic)
  }

  /** null: the task was never opened, or was reset since. @throws PipelineError, KafkaError */
  async find({ id }: Pick<TaskSpec, 'id'>): Promise<TaskRecord | null> {
    return decodeRecord((await this.#texts.read()).get(id))
  }

  /** Writes only what is new. @throws PipelineError, KafkaError */
  async store(id: string, record: TaskRecord, before: TaskRecord | null): Promise<void> {
    const text = encodeRecord(record)
    if (before !== null && encodeRecord(before) === text) return
    await this.#texts.write(new Map([[id, text]]))
  }

  /** Ids of the tasks of the groups. @throws PipelineError, KafkaError */
  async tasksOf(groups: readonly string[]): Promise<readonly string[]> {
    const texts = await this.#texts.read()
    return [...texts.keys()].filter((id) => {
      const record = decodeRecord(texts.get(id))
      return record !== null && groups.includes(record.group)
    })
  }

  /** @throws PipelineError, KafkaError */
  async forget(ids: readonly string[]): Promise<void> {
    await this.#texts.write(new Map(ids.map((id) => [id, null])))
  }
}

function encodeRecord({ group, changelogId, inputs }: TaskRecord): string {
  return encodeJson({
    version: 1,
    group,
    changelog: changelogId,
    inputs: inputs.map(({ topic, partition, topicId }) => [topic, partition, topicId]),
  })
}

/** null for what no version that this one knows has written. */
function decodeRecord(text: string | undefined): TaskRecord | null {
  try {
    const value = text === undefined ? null : decodeJson(text)
    if (!isJsonObject(value) || value['version'] !== 1) return null
    const { group, changelog: changelogId = null, inputs } = value
    if (typeof group !== 'string' || !Array.isArray(inputs) || !isIdOrNull(changelogId)) return null
    return { group, changelogId, inputs: inputs.flatMap(decodeInput) }
  } catch {
    return null
  }
}

function decodeInput(value: JsonValue): TaskRecord['inputs'][number][] {
  if (!Array.isArray(value)) return []
  const [topic, partition, topicId = null] = value
  if (typeof topic !== 'string' || typeof partition !== 'number' || !isIdOrNull(topicId)) return []
  return [{ topic, partition, topicId }]
}

function isIdOrNull(value: JsonValue | undefined): value is string | null {
  return value === null || typeof value === 'string'
}
