import { describe, expect, it } from 'vitest'
import {
  answeredError,
  errorRow,
  saysCoordinatorMoved,
  saysLeaderMoved,
  worstError,
} from '../../../../src/logs/kafka/client/error-codes.ts'
import type { KafkaErrorKind } from '../../../../src/logs/kafka/client/kafka-error.ts'

const what = 'writing to "orders/0" at kafka:9092'

function errorOf(code: number) {
  return answeredError({ code, what })!
}

describe('the errors of brokers', () => {
  it('are none for code 0, and name what was asked, its meaning and the code otherwise', () => {
    expect(answeredError({ code: 0, what })).toBeNull()
    const error = answeredError({ code: 29, what, said: 'no' })!
    expect(error).toMatchObject({ code: 'TOPIC_AUTHORIZATION_FAILED', kind: 'config' })
    expect(error.message).toBe(
      `${what}: the user may not do this with the topic: grant it by an ACL ("no") (TOPIC_AUTHORIZATION_FAILED)`,
    )
    expect(errorOf(-32_000)).toMatchObject({ code: 'ERROR_-32000', kind: 'fatal' })
  })

  it('mean for the caller what they have to mean', () => {
    const kinds: Record<KafkaErrorKind, readonly number[]> = {
      // Leaders and coordinators that moved or load, and what takes a moment.
      retriable: [3, 5, 6, 14, 15, 16, 19, 41, 51, 56, 74, 75, 78, 88, 89],
      // May have been written.
      indefinite: [-1, 7, 13, 20],
      abortable: [45, 59, 120],
      fenced: [47, 49, 82, 90],
      rebalance: [22, 25, 27, 79],
      config: [10, 17, 23, 29, 30, 31, 35, 50, 53, 58, 68],
      fatal: [1, 2, 42, 48],
    }
    for (const [kind, codes] of Object.entries(kinds)) {
      for (const code of codes) expect([code, errorRow(code).kind]).toEqual([code, kind])
    }
  })

  it('that decide are those that end the work', () => {
    const [retriable, fenced, config, untried] = [6, 90, 29, 55].map(errorOf)
    expect(worstError([])).toBeNull()
    expect(worstError([null, null])).toBeNull()
    expect(worstError([null, retriable!, null])).toBe(retriable)
    expect(worstError([retriable!, config!, fenced!])).toBe(fenced)
    expect(worstError([fenced!, config!, retriable!])).toBe(fenced)
    expect(worstError([untried!, retriable!])).toBe(retriable)
    expect(worstError([retriable!, untried!])).toBe(retriable)
    expect(worstError([untried!])).toBe(untried)
  })

  it('say when leaders and coordinators have moved', () => {
    expect([3, 5, 6, 56, 74].map((code) => saysLeaderMoved(errorOf(code)))).not.toContain(false)
    expect([1, 16, 29].map((code) => saysLeaderMoved(errorOf(code)))).not.toContain(true)
    expect([15, 16].map((code) => saysCoordinatorMoved(errorOf(code)))).toEqual([true, true])
    // It is the right one, and still loading.
    expect([14, 6, 51].map((code) => saysCoordinatorMoved(errorOf(code)))).not.toContain(true)
    expect(saysLeaderMoved(null) || saysCoordinatorMoved(null)).toBe(false)
  })
})
