import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { wrapText } from '../../src/cli/wrap-text.ts'

describe('text in lines', () => {
  it('is broken at spaces, and keeps a word that is too long', () => {
    expect(wrapText('a bb ccc', 4)).toEqual(['a bb', 'ccc'])
    expect(wrapText('toolong a b', 3)).toEqual(['toolong', 'a b'])
    expect(wrapText('', 3)).toEqual([''])
  })

  it('loses no word and makes no line longer than it has to be', () => {
    const words = fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1 })
    fc.assert(
      fc.property(words, fc.integer({ min: 1, max: 30 }), (list, width) => {
        const lines = wrapText(list.join(' '), width)
        expect(lines.join(' ')).toBe(list.join(' '))
        for (const line of lines) expect(line.length <= width || !line.includes(' ')).toBe(true)
      }),
    )
  })
})
