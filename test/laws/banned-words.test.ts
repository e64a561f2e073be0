import { describe, expect, it } from 'vitest'
import { bannedWords } from './banned-words.ts'
import { report, sourceFiles } from './repository-files.ts'

describe('banned words', () => {
  it.each(['src', 'test'] as const)('do not occur under %s', (folder) => {
    expect(report(sourceFiles(folder).flatMap(bannedWords))).toBe('')
  })

  it.each([
    ['const now = Date.now()', 'Date.now'],
    ['at: new Date( )', 'new Date()'],
    ['setTimeout(done, 5)', 'a timer'],
    ['const id = randomUUID()', 'randomness of the system'],
    ['const home = process.env.HOME', 'process.env'],
    ['return value as any', 'as any'],
    ['// TODO later', 'a note to do it later'],
    ['throw new Error(`failed to open ${path}`)', '"failed to"'],
    [`readFileSync('/work/data.csv')`, 'a path of one machine'],
    [`import x from '../../shared/x.ts'`, 'a path of one machine'],
    ['// oxlint-disable-next-line no-console', 'oxlint-disable'],
    ['enum Colour {', 'syntax that cannot be erased'],
  ])('are found in `%s`', (line, name) => {
    const found = bannedWords({ path: 'src/operators/x.ts', text: `\n${line}\n` })
    expect(found).toEqual([expect.stringMatching(/^src\/operators\/x\.ts:2: .* is banned, use /)])
    expect(found[0]).toContain(name)
  })

  it.each([
    ['src/clock/system-clock.ts', 'return Date.now()'],
    ['src/main.ts', 'process.env'],
    ['src/x.ts', 'new Date(timeMs)'],
    ['src/x.ts', '// oxlint-disable-next-line typescript/no-explicit-any -- any state'],
    ['src/x.ts', 'const task = { failed: 0 }'],
  ])('are allowed where they belong: %s may say `%s`', (path, text) => {
    expect(bannedWords({ path, text })).toEqual([])
  })
})
