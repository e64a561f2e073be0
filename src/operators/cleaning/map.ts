import { expression } from '../../core/config-types.ts'
import { copyJson, putField } from '../../core/copy-json.ts'
import { isJsonObject, type JsonValue } from '../../core/json.ts'
import { defineStateless } from '../../core/operator.ts'

export const map = defineStateless({
  type: 'map',
  kind: 'stateless',
  summary: 'Replace the whole value by the result of an expression.',
  config: expression().describe('What the value becomes.'),
  examples: [
    {
      title: 'A new object out of the old one',
      config: '{ id: value.order.id, total: value.price * value.items }',
      input: [{ order: { id: 'o-1' }, price: 2.5, items: 4 }],
      output: [{ id: 'o-1', total: 10 }],
    },
    {
      title: 'The value without its envelope',
      config: 'value.payload',
      input: [{ version: 1, payload: { id: 7 } }],
      output: [{ id: 7 }],
    },
  ],
  fieldsAfter: () => null,
  create({ evaluate }) {
    return {
      process(record, context) {
        record.value = unshared(evaluate(record))
        context.emit(record)
      },
    }
  },
})

/**
 * The result with nothing inside it twice: `{ a: value.x, b: value.x }` would otherwise let a later
 * step that changes `a` change `b` too.
 */
function unshared(result: JsonValue): JsonValue {
  if (typeof result !== 'object' || result === null) return result
  if (!isJsonObject(result)) return copyJson(result)
  const copy: typeof result = {}
  for (const name in result) {
    const field = result[name]!
    putField(copy, name, typeof field === 'object' ? copyJson(field) : field)
  }
  return copy
}
