import { canonicalText } from '../core/identity-text.ts'
import { RecordFailure } from '../core/errors.ts'
import { kindOf } from '../core/field-edit.ts'
import { isExactNumber, isJsonObject, type JsonValue } from '../core/json.ts'
import type { StageNode } from '../topology/topology.ts'
import { assertResultSize } from './encode-result.ts'

type EncodeSpec = NonNullable<StageNode['encode']>

/** @throws RecordFailure RECORD_ENCODE for what the format cannot say. */
export type EncodeAs = (value: JsonValue) => string | Uint8Array | null

/** Writes values as `encode` of a stage says; null becomes a record without a value. */
export function valueEncoder(spec: EncodeSpec): EncodeAs {
  if (spec.format === 'csv') return csvEncoder(spec)
  const { format, field } = spec
  return (value) => {
    const chosen = field === null ? value : fieldOf(value, field)
    if (chosen === null) return null
    const text = scalarText(chosen, field ?? 'the value')
    assertResultSize(text.length)
    if (format === 'text') return text
    if (typeof chosen === 'string' && base64Pattern.test(text)) return Buffer.from(text, 'base64')
    throw new RecordFailure('RECORD_ENCODE', `${field ?? 'the value'} is no text in base64`)
  }
}

const base64Pattern = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

function csvEncoder({ columns, delimiter }: EncodeSpec & { format: 'csv' }): EncodeAs {
  const needsQuotes = new RegExp(`["\\r\\n${delimiter.replace(/[\\\]^-]/g, String.raw`\$&`)}]`)
  return (value) => {
    if (!isJsonObject(value)) {
      throw new RecordFailure(
        'RECORD_ENCODE',
        `a csv row is made of an object, not ${kindOf(value)}`,
      )
    }
    const cells = columns.map((column) => {
      const text = cellText(fieldOf(value, column))
      return needsQuotes.test(text) ? `"${text.replaceAll('"', '""')}"` : text
    })
    const row = cells.join(delimiter)
    assertResultSize(row.length)
    // An empty row would be no row to those who read it.
    return row === '' ? '""' : row
  }
}

/** Lists and objects are JSON in their cell. */
function cellText(value: JsonValue): string {
  return value === null ? '' : canonicalText(value)
}

function fieldOf(value: JsonValue, field: string): JsonValue {
  return isJsonObject(value) && Object.hasOwn(value, field) ? (value[field] ?? null) : null
}

function scalarText(value: JsonValue, what: string): string {
  const isText = !Array.isArray(value) && !isJsonObject(value)
  if (isText || isExactNumber(value)) return canonicalText(value)
  throw new RecordFailure('RECORD_ENCODE', `${what} is ${kindOf(value)}, which is no text`)
}
