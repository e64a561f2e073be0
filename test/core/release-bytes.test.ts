import { describe, expect, it } from 'vitest'
import { ownsMemory, releaseBytes, releaseOwnBytes } from '../../src/core/release-bytes.ts'

it('empties the bytes at once', () => {
  const bytes = new Uint8Array([1, 2, 3])
  releaseBytes(bytes)
  expect([bytes.byteLength, bytes.buffer.byteLength]).toEqual([0, 0])
})

it('leaves memory alone that threads share', () => {
  const shared = new Uint8Array(new SharedArrayBuffer(3)).fill(7)
  releaseBytes(shared)
  expect([...shared]).toEqual([7, 7, 7])
})

describe('bytes of which it is not known whose memory they are in', () => {
  it('are released where they are all that anybody uses of it', () => {
    const exact = new Uint8Array(100)
    const withSpare = Buffer.allocUnsafeSlow(200_000).subarray(0, 150_000)
    for (const bytes of [exact, withSpare]) {
      expect(ownsMemory(bytes)).toBe(true)
      releaseOwnBytes(bytes)
      expect(bytes.length).toBe(0)
      // Perhaps they were handed over twice.
      releaseOwnBytes(bytes)
    }
  })

  it('are left alone where others may lie in the same memory', () => {
    const pooled = Buffer.from('a short text')
    const inRead = Buffer.allocUnsafeSlow(64 * 1024).subarray(100, 60_000)
    const firstOfTwo = Buffer.allocUnsafeSlow(200_000).subarray(0, 100_000)
    const shared = new Uint8Array(new SharedArrayBuffer(100))
    for (const bytes of [pooled, inRead, firstOfTwo, shared]) {
      const { length } = bytes
      expect(ownsMemory(bytes)).toBe(false)
      releaseOwnBytes(bytes)
      expect(bytes.length).toBe(length)
    }
  })
})
