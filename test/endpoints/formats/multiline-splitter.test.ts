import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MultilineSplitter } from '../../../src/endpoints/formats/multiline-splitter.ts'
import { cutAll } from '../reading/chunked-stream.ts'

const begins = (line: string) => line.startsWith('#')

function cut(text: string, options: { sizes?: number[]; maxRecord?: number } = {}) {
  const { sizes = [7], maxRecord = 1_000_000 } = options
  return cutAll(new MultilineSplitter(begins), Buffer.from(text), { sizes, maxRecord })
}

/** The same by another way. */
function expected(text: string): string[] {
  if (text === '') return []
  const lines = text.split('\n')
  const last = lines.pop()!
  if (last !== '') lines.push(last)
  const records: string[][] = []
  for (const line of lines) {
    if (records.length === 0 || begins(line)) records.push([line])
    else records.at(-1)!.push(line)
  }
  return records.map((record) => record.join('\n'))
}

const text = fc
  .array(fc.constantFrom('#', '#a\n', 'b\n', '\n', 'c', ' at x\n', '##\n'), { maxLength: 40 })
  .map((parts) => parts.join(''))
const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 })

describe('MultilineSplitter', () => {
  it('begins a record at each line that says so, in whatever chunks they come', async () => {
    await fc.assert(
      fc.asyncProperty(text, sizes, async (input, chunks) => {
        const records = await cut(input, { sizes: chunks })
        expect(records.map(({ value }) => value)).toEqual(expected(input))
      }),
      { numRuns: 500 },
    )
  })

  it('finds the same records in whatever chunks they come where some are too long', async () => {
    await fc.assert(
      fc.asyncProperty(text, sizes, fc.integer({ min: 1, max: 12 }), async (input, chunks, max) => {
        const inChunks = await cut(input, { sizes: chunks, maxRecord: max })
        expect(inChunks).toEqual(await cut(input, { sizes: [10_000], maxRecord: max }))
      }),
      { numRuns: 500 },
    )
  })

  it('takes lines before the first beginning as a record of their own', async () => {
    const records = await cut('x\ny\n#a\n b\n#c')
    expect(records.map(({ value }) => value)).toEqual(['x\ny', '#a\n b', '#c'])
  })
})
