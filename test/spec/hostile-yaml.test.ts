import { describe, expect, it } from 'vitest'
import { maxFindings } from '../../src/spec/findings.ts'
import { problemsOf, stageWith } from './load-file.ts'

const levels = (name: string, count: number): string => {
  const lines = [`x-${name}0: &${name}0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]`]
  for (let level = 1; level < count; level++) {
    const below = Array.from({ length: 10 }, () => `*${name}${level - 1}`).join(', ')
    lines.push(`x-${name}${level}: &${name}${level} [${below}]`)
  }
  return lines.join('\n')
}

const many = (count: number, line: (index: number) => string): string => {
  return Array.from({ length: count }, (_, index) => line(index)).join('\n')
}

const files: readonly (readonly [rule: string, text: string, part: string])[] = [
  [
    'aliases of aliases (a billion laughs)',
    `${levels('a', 12)}\n${stageWith('from: a', 'to: b')}`,
    'aliases are filled in',
  ],
  ['lists nested 100,000 deep', '['.repeat(100_000), 'nests deeper than 64 levels'],
  ['maps nested 100,000 deep', '{a: '.repeat(100_000), 'nests deeper'],
  ['lists on one line nested 100,000 deep', '- '.repeat(100_000), 'nests deeper'],
  ['keys nested 100,000 deep', '? '.repeat(100_000), 'nests deeper'],
  ['maps nested line by line', many(700, (index) => `${' '.repeat(index)}a:`), 'nests deeper'],
  ['a file over 1 MB', `# ${'x'.repeat(1_000_000)}`, 'at most 1000000 (1 MB)'],
  ['a file over 1 MB in bytes, not in characters', `# ${'é'.repeat(500_000)}`, 'at most 1000000'],
  ['60,000 keys', many(60_000, (index) => `k${index}: v`), 'more than 50000 words and marks'],
  ['400,000 comments', '#\n'.repeat(400_000), 'more than 50000 words and marks'],
  ['500,000 quotes', '"'.repeat(500_000), 'more than 50000 words and marks'],
  ['30,000 tags on one value', `a: ${'!a '.repeat(30_000)}`, 'is read as a YAML tag'],
  ['binary junk', 'pipeline: \u0000\u0001\u0002ELF', 'it holds the character U+0000'],
  [
    'bytes that are no UTF-8',
    Buffer.from([0x70, 0x3a, 0x20, 0xff, 0xfe]).toString('utf8'),
    'U+FFFD',
  ],
  ['5,000 keys of one name', many(5_000, () => 'k: v'), 'is there twice'],
  [
    '5,000 keys of different names',
    many(5_000, (index) => `k${index}: v`),
    'no setting is called "k0"',
  ],
  ['an anchor per value', many(5_000, (index) => `- &a${index} x`), 'but this is a list'],
  [
    'aliases of a long list',
    `x-a: &a [${'x, '.repeat(1_000)}x]\nx-b: [${'*a, '.repeat(1_000)}x]`,
    'aliases are filled in',
  ],
  ['a merge key per item', `x-a: &a {}\nx-b:\n${many(5_000, () => '  - <<: *a')}`, 'merge keys'],
]

describe('hostile YAML is refused within 200 ms', () => {
  it.each(files)('%s', (_, text, part) => {
    const before = process.cpuUsage()
    const problems = problemsOf(text)
    const { user, system } = process.cpuUsage(before)
    expect(problems.map(({ message }) => message).join('\n')).toContain(part)
    expect(problems.length).toBeLessThanOrEqual(maxFindings)
    // Processor time, so that other work on the machine does not count; twice the promise, as the
    // compiler of a cold process works at the same time.
    expect((user + system) / 1_000).toBeLessThan(400)
  })
})
