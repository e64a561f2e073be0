import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { problemsOf } from './load-file.ts'

const example = readFileSync(new URL('./orders-example.yaml', import.meta.url), 'utf8')

/** What files are broken with: marks of YAML, of variables and expressions, and dangerous names. */
const splinters = [
  ...'{}[]:#!"\'|>%@`,\n\t~é'.split(''),
  ...': |- |&a |*a |  |${|${X}|${secret:X}|$${|__proto__|x-|<<: |? |---|null|.inf'.split('|'),
  '\r\n',
  '1e999',
  '12345678901234567890',
  '\u0000',
  '\uD800',
  '\uFEFF',
]

const edit = fc.record({
  at: fc.nat(example.length),
  remove: fc.nat(12),
  insert: fc.constantFrom(...splinters),
})

function broken(edits: readonly { at: number; remove: number; insert: string }[]): string {
  return edits.reduce((text, { at, remove, insert }) => {
    return text.slice(0, at) + insert + text.slice(at + remove)
  }, example)
}

describe('a file that was broken at random', () => {
  it('is read, or refused with findings that each lie in the file', () => {
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        const text = broken(edits)
        const lines = text.replace(/^\uFEFF/, '').split('\n')
        for (const { line, column, message, code } of problemsOf(text)) {
          expect(lines[line - 1]).toBeDefined()
          expect(column).toBeGreaterThanOrEqual(1)
          expect(column).toBeLessThanOrEqual(lines[line - 1]!.length + 1)
          expect(message).not.toMatch(/undefined|\[object|Invalid input/)
          expect(code).toMatch(/^CONFIG_/)
        }
      }),
      { numRuns: 400 },
    )
  })
})
