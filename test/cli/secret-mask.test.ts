import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SecretMask } from '../../src/cli/secret-mask.ts'

function maskOf(...secrets: readonly string[]): SecretMask {
  const mask = new SecretMask()
  for (const secret of secrets) mask.add(secret)
  return mask
}

describe('the mask of secrets', () => {
  it('leaves text alone as long as there are none', () => {
    expect(maskOf().text('abc')).toBe('abc')
    expect(maskOf('').text('abc')).toBe('abc')
  })

  it('hides a secret as it is, inside JSON, and inside a URL', () => {
    const secret = 'a"b/c\\d e'
    const mask = maskOf(secret)
    expect(mask.text(`key ${secret}!`)).toBe('key ***!')
    expect(mask.text(JSON.stringify({ key: secret }))).toBe('{"key":"***"}')
    expect(mask.text(`https://x/?k=${encodeURIComponent(secret)}`)).toBe('https://x/?k=***')
  })

  it('hides each line of a secret of several lines', () => {
    expect(maskOf('-----BEGIN\nabc123\n\nEND').text('line 2 is abc123, then END')).toBe(
      'line 2 is ***, then ***',
    )
  })

  it('leaves no rest of a secret that contains another one', () => {
    expect(maskOf('abc', 'abcdef').text('abcdef abc')).toBe('*** ***')
    expect(maskOf('abcdef', 'abc').text('abcdef abc')).toBe('*** ***')
  })

  it('takes a secret that is no well-formed text', () => {
    expect(maskOf('\ud800x').text('a\ud800xb')).toBe('a***b')
  })

  it('hides secrets in every text of a value, and leaves the rest of it as it is', () => {
    const value = { list: ['x', 1, null, { 'key x': 'a x b' }], flag: true }
    expect(maskOf('x').json(value)).toEqual({
      list: ['***', 1, null, { 'key ***': 'a *** b' }],
      flag: true,
    })
  })

  it('leaves no secret in a text, however many stand in it', () => {
    const word = fc.string({ minLength: 4, maxLength: 12 }).filter((text) => !/[*\n\r]/.test(text))
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), (secrets) => {
        const masked = maskOf(...secrets).text(secrets.join(' | '))
        for (const secret of secrets) expect(masked).not.toContain(secret)
      }),
    )
  })
})
