import { describe, expect, it } from 'vitest'
import { printable, printableLine } from '../../src/cli/printable.ts'

describe('printable text', () => {
  it('cannot move the cursor, colour the terminal, or turn the direction of text', () => {
    expect(printable('a\u001b[2Jb\rc\u0007\u009b1m\u202ed')).toBe(
      'a\\u001b[2Jb\\u000dc\\u0007\\u009b1m\\u202ed',
    )
  })

  it('keeps line breaks and all that is no control character', () => {
    expect(printable('é\n\t漢字 😀')).toBe('é\n\t漢字 😀')
  })

  it('is one line where one line is wanted', () => {
    expect(printableLine('a\nb\tc')).toBe('a\\nb\\tc')
  })
})
