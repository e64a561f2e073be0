import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  changeKey,
  changeValue,
  decodeChange,
  decodeNote,
  encodeNote,
} from '../../../../src/logs/kafka/state/changelog-records.ts'

/** As a topic gives them back. */
const throughUtf8 = (text: string) => Buffer.from(text).toString()

describe('records of a changelog', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('', '\ud800', '\n', '[1,"x"]', '{"a":1}', '\u0000', '__proto__', 'null'),
  )
  const due = fc.oneof(
    fc.constant(null),
    fc.constantFrom(0, -5.5, 8.64e15, 1e21),
    fc.double({ noNaN: true }),
  )

  it('give back every change as it was', () => {
    fc.assert(
      fc.property(text, text, text, due, (step, key, value, dueMs) => {
        const change = { step, key, value, dueMs }
        const stored = [changeKey(change), changeValue(change)!].map(throughUtf8)
        const found = decodeChange(stored[0]!, stored[1]!)
        // -0 ms and 0 ms are the same time.
        expect({ ...found, dueMs: found.dueMs === null ? null : found.dueMs + 0 }).toEqual({
          ...change,
          dueMs: dueMs === null ? null : dueMs + 0,
        })
      }),
    )
  })

  it('have one key for one entry, and another for any other', () => {
    fc.assert(
      fc.property(text, text, text, text, (step, key, otherStep, otherKey) => {
        const isSame = step === otherStep && key === otherKey
        const keys = [
          { step, key },
          { step: otherStep, key: otherKey },
        ].map(changeKey)
        expect(throughUtf8(keys[0]!) === throughUtf8(keys[1]!)).toBe(isSame)
      }),
    )
  })

  it('that are gone have no value', () => {
    expect(changeValue({ step: 's', key: 'k', value: null, dueMs: 1 })).toBe(null)
  })

  it.each([
    ['', '\nx'],
    ['{}', '\nx'],
    ['["s"]', '\nx'],
    ['["s",1]', '\nx'],
    ['["s","k"]', 'no due time'],
    ['["s","k"]', 'soon\nx'],
    ['["s","k"]', '[1'],
  ])('of somebody else are refused: %s %s', (key, value) => {
    expect(() => decodeChange(key, value)).toThrow(/was not written by Millrace/)
  })

  it('of a commit say its number and all positions', () => {
    const note = {
      number: 7,
      positions: [
        { topic: 'in', partition: 0, offset: 2n ** 60n },
        { topic: '__proto__', partition: 1, offset: 0n },
      ],
    }
    expect(decodeNote(encodeNote(note))).toEqual(note)
  })

  it.each([
    ['{"version":2}', 'LOG_VERSION'],
    ['{"version":1}', 'LOG_CORRUPT'],
    ['{"version":1,"number":1,"positions":[1]}', 'LOG_CORRUPT'],
    ['{"version":1,"number":1,"positions":[["in",0,0]]}', 'LOG_CORRUPT'],
    ['{"version":1,"number":1,"positions":[["in",0,"x"]]}', 'LOG_CORRUPT'],
    ['[]', 'LOG_CORRUPT'],
    ['', 'LOG_CORRUPT'],
  ])('of a commit that cannot be read are refused: %s', (stored, code) => {
    expect(() => decodeNote(stored)).toThrow(expect.objectContaining({ code }))
  })
})
