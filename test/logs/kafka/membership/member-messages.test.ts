import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeAssignment,
  decodeMetadata,
  encodeAssignment,
  encodeMetadata,
} from '../../../../src/logs/kafka/membership/member-messages.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

describe('member messages', () => {
  it('come back as they were sent', () => {
    const texts = fc.array(fc.string({ unit: 'binary' }))
    const metadata = fc.record({
      worker: fc.string(),
      fingerprint: fc.string(),
      tasks: texts,
      held: texts,
      generation: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
      session: fc.option(fc.string()),
    })
    fc.assert(
      fc.property(metadata, (sent) => {
        expect(decodeMetadata(encodeMetadata(sent))).toEqual(sent)
      }),
    )
    const assignment = fc.record({
      tasks: texts,
      isUnsettled: fc.boolean(),
      session: fc.string(),
      refused: fc.option(fc.string()),
    })
    fc.assert(
      fc.property(assignment, (sent) => {
        expect(decodeAssignment(encodeAssignment(sent))).toEqual(sent)
      }),
    )
  })

  it.each([
    '',
    'no json',
    '[]',
    'null',
    '{}',
    '{"version":2,"worker":"w","fingerprint":"f","generation":1,"tasks":[],"held":[],"session":null}',
    '{"version":1,"worker":7,"fingerprint":"f","generation":1,"tasks":[],"held":[],"session":null}',
    '{"version":1,"worker":"w","fingerprint":"f","generation":1,"tasks":[1],"held":[],"session":null}',
    '{"version":1,"worker":"w","fingerprint":"f","generation":"1","tasks":[],"held":[],"session":null}',
    '{"version":1,"worker":"w","fingerprint":"f","generation":1,"held":[],"session":null}',
    '{"version":1,"worker":"w","fingerprint":"f","generation":1,"tasks":[],"held":[]}',
    `${'['.repeat(2_000)}${']'.repeat(2_000)}`,
    '{"__proto__":{"version":1}}',
  ])('of strangers are no metadata: %s', (text) => {
    expect(decodeMetadata(bytes(text))).toBeNull()
  })

  it('of strangers are no metadata, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (sent) => {
        expect(decodeMetadata(sent)).toBeNull()
      }),
    )
  })

  it.each([
    '',
    '7',
    '{"version":1,"tasks":"a","isUnsettled":false,"session":"s","refused":null}',
    '{"version":1,"tasks":[],"isUnsettled":false,"session":"s","refused":3}',
    '{"version":1,"tasks":[],"isUnsettled":false,"refused":null}',
    '{"version":1,"tasks":[],"session":"s","refused":null}',
  ])('refuses an assignment that is none: %s', (text) => {
    expect(decodeAssignment(bytes(text))).toBeNull()
  })
})
