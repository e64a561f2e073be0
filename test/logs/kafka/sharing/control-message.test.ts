import { describe, expect, it } from 'vitest'
import { decodeControl, encodeControl } from '../../../../src/logs/kafka/sharing/control-message.ts'

describe('what a worker tells the others', () => {
  it.each([
    { session: '3 a', hasEnded: true, quietSinceUs: null },
    { session: '__proto__', hasEnded: false, quietSinceUs: 1_700_000_000_000_000 },
  ])('comes back as it was', (message) => {
    expect(decodeControl(encodeControl(message))).toEqual(message)
  })

  it.each([
    null,
    '',
    '[]',
    'null',
    '{"version":2,"session":"s","ended":true,"quiet_since_us":null}',
    '{"version":1,"ended":true,"quiet_since_us":null}',
    '{"version":1,"session":"s","ended":"yes","quiet_since_us":null}',
    '{"version":1,"session":"s","ended":true}',
    '{"version":1,"session":"s","ended":true,"quiet_since_us":"now"}',
    '['.repeat(100_000),
  ])('is passed over when no version that is known has written it (%#)', (text) => {
    expect(decodeControl(text)).toBe(null)
  })
})
