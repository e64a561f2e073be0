import { describe, expect, it } from 'vitest'
import { showBytes, showCount, showDuration, showRate } from '../../src/cli/show-amount.ts'

describe('amounts for people', () => {
  it.each([
    [0, '0'],
    [0.000_42, '0.42 µs'],
    [0.001_5, '1.5 µs'],
    [0.999, '999 µs'],
    [0.999_6, '1 ms'],
    [12.345, '12.3 ms'],
    [999.6, '1 s'],
    [1_240, '1.24 s'],
    [59_949, '59.9 s'],
    [59_999, '1 min 0 s'],
    [125_000, '2 min 5 s'],
    [3_600_000, '1 h 0 min'],
    [90_000_000, '25 h 0 min'],
    [-3, '-3 ms'],
  ])('%d ms is shown as %s', (ms, shown) => {
    expect(showDuration(ms)).toBe(shown)
  })

  it('groups the digits of counts', () => {
    expect([0, 999, 1_000, 1_234_567.2].map(showCount)).toEqual(['0', '999', '1,000', '1,234,567'])
  })

  it('shortens rates and sizes', () => {
    expect([0.25, 12, 9_999, 182_400, 1_350_000].map(showRate)).toEqual([
      '0.25/s',
      '12/s',
      '9,999/s',
      '182k/s',
      '1.35M/s',
    ])
    expect([0, 512, 1_500, 81e9].map(showBytes)).toEqual([
      '0 bytes',
      '512 bytes',
      '1.5 kB',
      '81 GB',
    ])
  })
})
