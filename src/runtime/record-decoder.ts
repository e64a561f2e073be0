import { RecordFailure } from '../core/errors.ts'
import { JsonFields } from '../core/json-fields.ts'
import type { StepRecord } from '../core/step-record.ts'
import type { StageNode } from '../topology/topology.ts'
import { decodeProblem, decodeValue } from './decode-value.ts'

/** Gives the records of a node their values: all of it, or what the node needs. */
export class RecordDecoder {
  readonly #node: Pick<StageNode, 'decode' | 'fields' | 'steps'>
  readonly #fields: JsonFields | null

  constructor(node: Pick<StageNode, 'decode' | 'fields' | 'steps'>) {
    this.#node = node
    this.#fields = node.fields === null ? null : new JsonFields(node.fields.names)
  }

  /**
   * @returns the fields that were decoded, where the others go on as they came; else null.
   * @throws RecordFailure RECORD_DECODE
   */
  decode(record: StepRecord): JsonFields | null {
    const { decode, fields, steps } = this.#node
    if (decode !== 'json') {
      record.value = null
      return null
    }
    if (this.#fields !== null && (!fields!.splices || record.isAscii)) {
      // Only ASCII is spliced: there, the places of bytes are those of characters.
      const some = record.fields(this.#fields)
      if (some !== null) {
        record.value = some
        return fields!.splices ? this.#fields : null
      }
    }
    try {
      record.value = decodeValue(record)
    } catch (thrown) {
      record.value = null
      // Without steps the bytes go on as they are, only without a key.
      if (steps.length > 0)
        throw new RecordFailure('RECORD_DECODE', `the value is no JSON${decodeProblem(thrown)}`)
    }
    return null
  }
}
