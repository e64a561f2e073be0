import { messageOf, PipelineError } from '../../../core/errors.ts'
import { decodeJson, encodeJson, isJsonObject, type JsonValue } from '../../../core/json.ts'
import type { StateChange, TopicPartition } from '../../../core/log.ts'

/**
 * State changes as records of a compacted topic. Key: `["step","key"]`. Value: the due time in ms (empty:
 * none), a line feed, and the value as it is; or `[due,"value"]` as JSON, where UTF-8 has no place for the value
 * (unpaired surrogates); or null for an entry that is gone. Compaction keeps the last record of a key,
 * which is all of it.
 */
export function changeKey({ step, key }: Pick<StateChange, 'step' | 'key'>): string {
  return JSON.stringify([step, key])
}

export function changeValue({ value, dueMs }: StateChange): string | null {
  if (value === null) return null
  if (!value.isWellFormed()) return JSON.stringify([dueMs, value])
  return dueMs === null ? `\n${value}` : `${dueMs}\n${value}`
}

/** @throws PipelineError LOG_CORRUPT */
export function decodeChange(keyText: string, valueText: string): StateChange {
  try {
    const [step, key] = JSON.parse(keyText) as [string, string]
    if (typeof step !== 'string' || typeof key !== 'string') throw new Error('it has another key')
    if (valueText.startsWith('[')) {
      const [dueMs, value] = JSON.parse(valueText) as [number | null, string]
      return { step, key, value, dueMs }
    }
    const due = valueText.indexOf('\n')
    const dueMs = due === 0 ? null : Number(valueText.slice(0, due))
    if (due === -1 || Number.isNaN(dueMs)) throw new Error('it has no due time')
    return { step, key, value: valueText.slice(due + 1), dueMs }
  } catch (error) {
    throw foreignRecord(error)
  }
}

/** What every commit of a task with state says about itself, in a record of its own. */
export interface CommitNote {
  /** Of the task's commits, counted from 1: one that moves no position is recognised by it. */
  readonly number: number
  /** Where the task stands in its inputs; the group may forget it, the state must not. */
  readonly positions: readonly (TopicPartition & { readonly offset: bigint })[]
}

export const commitKey: string = changeKey({ step: '$commit', key: '' })

export function encodeNote({ number, positions }: CommitNote): string {
  const inputs = positions.map(({ topic, partition, offset }) => [topic, partition, `${offset}`])
  return encodeJson({ version: 1, number, positions: inputs })
}

/** @throws PipelineError LOG_CORRUPT, LOG_VERSION */
export function decodeNote(text: string): CommitNote {
  try {
    const value = decodeJson(text)
    if (!isJsonObject(value)) throw new Error('its note of a commit is no object')
    const { version, number, positions } = value
    if (version !== 1) {
      throw new PipelineError(
        'LOG_VERSION',
        `a changelog topic has version ${encodeJson(version ?? null)}; use the Millrace that wrote it, or a newer one`,
      )
    }
    if (typeof number !== 'number' || !Array.isArray(positions)) throw new Error('it has no number')
    return { number, positions: positions.map(decodePosition) }
  } catch (error) {
    throw error instanceof PipelineError ? error : foreignRecord(error)
  }
}

function decodePosition(value: JsonValue): CommitNote['positions'][number] {
  if (!Array.isArray(value)) throw new Error('a position is no list')
  const [topic, partition, offset] = value
  if (typeof topic !== 'string' || typeof partition !== 'number' || typeof offset !== 'string') {
    throw new Error('a position has other parts')
  }
  return { topic, partition, offset: BigInt(offset) }
}

function foreignRecord(error: unknown): PipelineError {
  return new PipelineError(
    'LOG_CORRUPT',
    `a record of a changelog topic was not written by Millrace (${messageOf(error)}); who else writes to it?`,
  )
}
