import { describe, expect, it } from 'vitest'
import { readText, type SourceFile, sourceFiles } from './repository-files.ts'

/** What there should be less of. Functions over 70 lines and more are refused by the linter. */
const counted: Record<string, (file: SourceFile) => number> = {
  filesOver400Lines: ({ text }) => (text.split('\n').length > 401 ? 1 : 0),
  lintExceptions: ({ text }) => text.match(/oxlint-disable|@ts-expect-error/g)?.length ?? 0,
  doubleAssertions: ({ text }) => text.match(/\bas unknown as\b/g)?.length ?? 0,
}

const limits = JSON.parse(readText('test/laws/ratchet.json')) as Record<string, number>

describe('the ratchet of src', () => {
  it.each(Object.entries(counted))('lets %s only fall', (name, count) => {
    const places = sourceFiles('src').filter((file) => count(file) > 0)
    const found = places.reduce((sum, file) => sum + count(file), 0)
    const where = places.map(({ path }) => path).join(', ')
    const advice =
      found > limits[name]!
        ? `${found} ${name}, and ${limits[name]} are allowed: remove some of those in ${where}`
        : `only ${found} ${name} are left: write ${found} into test/laws/ratchet.json`
    expect(found, advice).toBe(limits[name])
  })

  it('counts what it has a limit for', () => {
    expect(Object.keys(limits)).toEqual(Object.keys(counted))
  })
})
