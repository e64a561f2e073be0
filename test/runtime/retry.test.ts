import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ErrorCode, PipelineError } from '../../src/core/errors.ts'
import { pauseMs, retryWhileUnavailable } from '../../src/runtime/retry.ts'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'

const backoff = { initialMs: 100, maxMs: 10_000 }

/** Fails so many times with the code, then gives 'done'. */
function attempting(failures: number, code: ErrorCode = 'PEER_UNAVAILABLE') {
  const clock = new VirtualClock(0)
  const stop = new AbortController()
  const told: string[] = []
  const atMs: number[] = []
  const result = retryWhileUnavailable(
    async () => {
      atMs.push(clock.wallMs())
      if (atMs.length <= failures) throw new PipelineError(code, `no answer ${atMs.length}`)
      return 'done'
    },
    {
      backoff,
      clock,
      random: new SeededRandom(1),
      signal: stop.signal,
      onBlocked: ({ message }) => told.push(`blocked: ${message}`),
      onUnblocked: () => told.push('unblocked'),
    },
  )
  return { clock, stop, told, atMs, result }
}

describe('retry', () => {
  it('pauses for between half and all of a time that doubles up to its maximum', () => {
    fc.assert(
      fc.property(fc.nat(10_000), fc.integer(), (attempt, seed) => {
        const full = Math.min(10_000, 100 * 2 ** attempt)
        const pause = pauseMs(backoff, attempt, new SeededRandom(seed))
        expect(pause).toBeGreaterThanOrEqual(full / 2)
        expect(pause).toBeLessThanOrEqual(full)
      }),
    )
  })

  it('says nothing when the first attempt succeeds', async () => {
    const { result, told } = attempting(0)
    expect(await result).toBe('done')
    expect(told).toEqual([])
  })

  it.each(['PEER_UNAVAILABLE', 'DISK_FULL'] as const)(
    'goes on as long as it takes after %s, and tells of it once',
    async (code) => {
      const { clock, result, told, atMs } = attempting(40, code)
      await clock.advance(3_600_000)
      expect(await result).toBe('done')
      expect(told).toEqual(['blocked: no answer 1', 'unblocked'])
      expect(atMs).toHaveLength(41)
      const pauses = atMs.slice(1).map((at, index) => at - atMs[index]!)
      expect(Math.max(...pauses)).toBeLessThanOrEqual(10_000)
      expect(pauses[0]).toBeLessThanOrEqual(100)
    },
  )

  it('throws on what will not pass', async () => {
    const { result, told } = attempting(1, 'FILE_FAILED')
    await expect(result).rejects.toMatchObject({ code: 'FILE_FAILED' })
    expect(told).toEqual([])
  })

  it('gives up at once when it is stopped during a pause', async () => {
    const { clock, stop, result, atMs } = attempting(1_000)
    await clock.advance(10)
    stop.abort()
    expect(await result).toBeNull()
    expect(atMs).toHaveLength(1)
    expect(clock.pending).toBe(0)
  })
})
