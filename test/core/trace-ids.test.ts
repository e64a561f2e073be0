import { describe, expect, it } from 'vitest'
import { spanIdOf, traceIdOf } from '../../src/core/trace-ids.ts'

describe('ids of traces and spans', () => {
  it('are the same for the same subject, so that work done twice has the same spans', () => {
    expect(traceIdOf('orders', 3, 17n, 1.5)).toBe(traceIdOf('orders', 3, 17n, 1.5))
    expect(spanIdOf('ab', 'wait', 0)).toBe(spanIdOf('ab', 'wait', 0))
  })

  it('have the length and the digits that the standard wants', () => {
    expect(traceIdOf('x')).toMatch(/^[0-9a-f]{32}$/)
    expect(spanIdOf('x')).toMatch(/^[0-9a-f]{16}$/)
  })

  it('differ where anything differs, also where parts meet', () => {
    const ids = [
      traceIdOf('orders', 3, 17),
      traceIdOf('orders', 31, 7),
      traceIdOf('orders3', 17),
      traceIdOf('orders', 3, 18),
    ]
    expect(new Set(ids).size).toBe(ids.length)
    expect(spanIdOf('a', 'wait')).not.toBe(spanIdOf('b', 'wait'))
  })
})
