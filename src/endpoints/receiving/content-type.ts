import type { InputFormat } from '../formats/input-format.ts'

/** What a body holds: records in a format, one JSON value, or CloudEvents in an envelope. */
export type BodyKind = InputFormat | 'json' | 'cloud_event' | 'cloud_events'

const kindsByType: ReadonlyMap<string, BodyKind> = new Map([
  ['application/json', 'json'],
  ['text/json', 'json'],
  ['application/x-ndjson', 'ndjson'],
  ['application/ndjson', 'ndjson'],
  ['application/jsonl', 'ndjson'],
  ['application/x-jsonlines', 'ndjson'],
  ['text/csv', 'csv'],
  ['text/plain', 'text'],
  ['application/octet-stream', 'bytes'],
  ['application/cloudevents+json', 'cloud_event'],
  ['application/cloudevents-batch+json', 'cloud_events'],
])

/** The type without its parameters, in lower case; empty where there is none. */
export function mediaType(contentType: string | undefined): string {
  return (contentType ?? '').split(';', 1)[0]!.trim().toLowerCase()
}

/** What a body of this media type holds; null where that is not known. */
export function kindOf(type: string): BodyKind | null {
  return kindsByType.get(type) ?? (type.endsWith('+json') ? 'json' : null)
}

/**
 * What is to be read of a body: what the setting says, where the type does not contradict it; else what the
 * type says, and JSON where there is none.
 * @returns null where the type is not taken.
 */
export function bodyKind(setting: InputFormat | 'json' | 'auto', type: string): BodyKind | null {
  const told = kindOf(type)
  if (told === 'cloud_event' || told === 'cloud_events') return told
  if (setting === 'auto') return type === '' ? 'json' : told
  if (told === null || told === setting || told === 'bytes') return setting
  const areAlike = told === 'json' && setting === 'json_array'
  // Any text may be called so.
  return areAlike || told === 'text' ? setting : null
}
