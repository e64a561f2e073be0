import { describe, expect, it } from 'vitest'
import { decodeJson, type JsonValue } from '../../../src/core/json.ts'
import { encodeHeaders } from '../../../src/core/record-batch.ts'
import { StepRecord } from '../../../src/core/step-record.ts'
import {
  decodeHeld,
  encodeHeld,
  hold,
  released,
} from '../../../src/operators/pacing/held-record.ts'

function held(value: JsonValue, headers = encodeHeaders([])) {
  const record = new StepRecord()
  record.make({ key: 'k"1', value, eventTimeMs: 5, headers })
  return decodeHeld(encodeHeld(hold(record)))
}

describe('a held record', () => {
  it('is what it was: exact numbers, times wherever they are, key and headers', () => {
    const time = new Date(1_767_225_600_123)
    const value = {
      a: [1, { seen: time }],
      n: decodeJson('12345678901234567890'),
      text: '2026-01-01T00:00:00.000Z',
    }
    const headers = Uint8Array.from(
      encodeHeaders([
        ['trace', 'x'],
        ['empty', ''],
      ]),
    )
    expect(released(held(value, headers))).toEqual({ key: 'k"1', value, eventTimeMs: 5, headers })
    expect(released(held(time)).value).toEqual(time)
    expect(released(held(null)).value).toBe(null)
  })

  it('brings no prototype of the data with it', () => {
    const { value } = released(held(decodeJson('{"__proto__":{"polluted":1}}')))
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(JSON.stringify(value)).toBe('{"__proto__":{"polluted":1}}')
  })
})
