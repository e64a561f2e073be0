import { z } from 'zod'
import type { AsyncResult } from '../../core/async-operator.ts'
import { expression, fieldPath, tableName } from '../../core/config-types.ts'
import { copyJson } from '../../core/copy-json.ts'
import { invariant, RecordFailure } from '../../core/errors.ts'
import { objectValue, placeField } from '../../core/field-edit.ts'
import { parseFieldPath } from '../../core/field-path.ts'
import { encodeJson, type JsonValue } from '../../core/json.ts'
import { defineAsync } from '../../core/operator.ts'
import type { StepRecord } from '../../core/step-record.ts'

const maxShown = 80

export const lookup = defineAsync({
  type: 'lookup',
  kind: 'async',
  summary: 'Set a field to what a table of `tables:` has for a key.',
  config: z.strictObject({
    table: tableName().describe('The table, by its name in `tables`.'),
    on: expression().describe(
      'The key. Text, numbers and booleans are compared as text; null is in no table.',
    ),
    into: fieldPath().describe('The field that is set: to the row as an object, or to the answer.'),
    missing: z
      .union([z.enum(['dlq', 'skip']), z.literal('null').transform(() => null), z.null()])
      .default(null)
      .describe(
        'What a record does whose key is not in the table: get null, fail (`RECORD_LOOKUP`), or be left out (counted as skipped).',
      ),
  }),
  examples: [
    {
      title: 'The row of a file by its key; null where there is none',
      config: { table: 'devices', on: 'value.device', into: 'about' },
      input: [{ device: 'd1' }, { device: 'd9' }],
      output: [
        { device: 'd1', about: { device: 'd1', room: 'attic', floor: 3 } },
        { device: 'd9', about: null },
      ],
    },
    {
      title: 'The range of addresses that one lies in; what lies in none is left out',
      config: { table: 'networks', on: 'value.client', into: 'network', missing: 'skip' },
      input: [{ client: '192.0.2.77' }, { client: '203.0.113.1' }],
      output: [{ client: '192.0.2.77', network: { block: '192.0.2.64/26', name: 'office' } }],
    },
  ],
  fieldsAfter: (before, { into }) =>
    before === null ? null : new Set([...before, parseFieldPath(into)[0]]),
  async create({ table: of, on, into, missing }, environment) {
    invariant(environment.openTable !== undefined, 'a run with lookups has tables')
    const table = await environment.openTable(of.name, of.settings, environment)
    const path = parseFieldPath(into)
    const keyOf = on.evaluate
    const finish = (
      record: StepRecord,
      key: JsonValue,
      found: JsonValue | undefined,
    ): AsyncResult => {
      if (found === undefined && missing !== null) {
        if (missing === 'skip') return 'skipped'
        throw new RecordFailure(
          'RECORD_LOOKUP',
          `the table "${of.name}" has nothing for ${shown(key)}`,
        )
      }
      placeField(objectValue(record, 'lookup'), path, found === undefined ? null : copyJson(found))
      return [record.value]
    }
    return {
      process(record, { signal }) {
        // Before anything is asked of a peer.
        objectValue(record, 'lookup')
        const key = keyOf(record)
        const found = key === null ? undefined : table.find(key, signal)
        return found instanceof Promise
          ? found.then((row) => finish(record, key, row))
          : finish(record, key, found)
      },
      close: () => table.close(),
    }
  },
})

function shown(key: JsonValue): string {
  const text = encodeJson(key)
  return text.length > maxShown ? `${text.slice(0, maxShown)}...` : text
}
