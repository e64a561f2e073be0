import { expect, it } from 'vitest'
import { releaseBytes } from '../../src/core/release-bytes.ts'

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
