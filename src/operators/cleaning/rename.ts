import { z } from 'zod'
import { fieldPath } from '../../core/config-types.ts'
import { putField } from '../../core/copy-json.ts'
import { objectValue, placeField } from '../../core/field-edit.ts'
import { type FieldPath, getField, parseFieldPath, removeField } from '../../core/field-path.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { defineStateless, type StatelessOperator } from '../../core/operator.ts'

export const rename = defineStateless({
  type: 'rename',
  kind: 'stateless',
  summary: 'Give fields other names.',
  config: z
    .record(
      fieldPath(),
      fieldPath().describe('The new name; a field that has it already is replaced.'),
    )
    .refine((names) => Object.keys(names).length > 0, 'name at least one field')
    .refine(
      (names) => new Set(Object.values(names)).size === Object.keys(names).length,
      'two fields cannot have one new name',
    )
    .describe('By present name, the new one. A missing field is left missing.'),
  examples: [
    {
      title: 'A field keeps its place among the others',
      config: { ordr: 'order_id' },
      input: [{ ordr: 'o-1', amount: 3 }, { amount: 4 }],
      output: [{ order_id: 'o-1', amount: 3 }, { amount: 4 }],
    },
    {
      title: 'All at once, so that two names can be swapped',
      config: { from: 'to', to: 'from' },
      input: [{ from: 'AMS', to: 'JFK' }],
      output: [{ to: 'AMS', from: 'JFK' }],
    },
    {
      title: 'Out of an object, and into one',
      config: { 'user.id': 'user_id', ip: 'client.ip' },
      input: [{ user: { id: 7, name: 'Ann' }, ip: '192.0.2.1' }],
      output: [{ user: { name: 'Ann' }, user_id: 7, client: { ip: '192.0.2.1' } }],
    },
  ],
  fieldsAfter(before, names) {
    if (before === null) return null
    const after = new Set(before)
    const moved = Object.entries(names).map(
      ([from, to]) => [parseFieldPath(from), parseFieldPath(to)[0]] as const,
    )
    for (const [from] of moved) if (from.length === 1) after.delete(from[0])
    for (const [from, to] of moved) if (before.has(from[0])) after.add(to)
    return after
  },
  create(names) {
    const isFlat = [...Object.keys(names), ...Object.values(names)].every(
      (name) => !name.includes('.'),
    )
    return isFlat ? renameFlat(names) : renameNested(names)
  },
})

function renameFlat(names: Readonly<Record<string, string>>): StatelessOperator {
  const newNames = new Map(Object.entries(names))
  const oldNames = new Map(Object.entries(names).map(([from, to]) => [to, from]))
  return {
    process(record, context) {
      const object = objectValue(record, 'rename')
      const renamed: JsonObject = {}
      // A new object: deleting from one makes it slow for all steps after this one.
      for (const name in object) {
        const to = newNames.get(name)
        if (to !== undefined) renamed[to] = object[name]!
        else if (!isReplaced(object, oldNames.get(name))) putField(renamed, name, object[name]!)
      }
      record.value = renamed
      context.emit(record)
    },
  }
}

/** Whether the object has a field that takes over this name. */
function isReplaced(object: JsonObject, by: string | undefined): boolean {
  return by !== undefined && Object.hasOwn(object, by)
}

function renameNested(names: Readonly<Record<string, string>>): StatelessOperator {
  const moves = Object.entries(names).map(([from, to]) => ({
    from: parseFieldPath(from),
    to: parseFieldPath(to),
  }))
  return {
    process(record, context) {
      const object = objectValue(record, 'rename')
      const found: { to: FieldPath; value: JsonValue }[] = []
      for (const { from, to } of moves) {
        const value = getField(object, from)
        if (value !== undefined) found.push({ to, value })
      }
      for (const { from } of moves) removeField(object, from)
      for (const { to, value } of found) placeField(object, to, value)
      context.emit(record)
    },
  }
}
