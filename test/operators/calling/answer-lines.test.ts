import { describe, expect, it } from 'vitest'
import { AnswerLines } from '../../../src/operators/calling/answer-lines.ts'

const text = '{"a":"é"}\n\n  \r\nlast€\nnot ended'

describe('AnswerLines', () => {
  it('gives the same lines wherever the bytes are cut', () => {
    const bytes = Buffer.from(text)
    for (let cut = 0; cut <= bytes.length; cut++) {
      const lines = new AnswerLines(1_000)
      const parts = [bytes.subarray(0, cut), bytes.subarray(cut)]
      expect(parts.flatMap((part) => lines.take(part) ?? ['?'])).toEqual(['{"a":"é"}', 'last€'])
    }
  })

  it('keeps nothing of the chunk, which is written over', () => {
    const lines = new AnswerLines(1_000)
    const chunk = Buffer.from('ab')
    lines.take(chunk)
    chunk.fill('x')
    expect(lines.take(Buffer.from('c\n'))).toEqual(['abc'])
  })

  it.each([
    ['one that has not ended', ['12345', '67890', '1']],
    ['one that ends in a later chunk', ['12345', '678901\n']],
    ['one behind others', ['1\n2\n12345678901\n3\n']],
    ['one behind others that has not ended', ['1\n2\n12345678901']],
  ])('refuses a line that is too long: %s', (_, chunks) => {
    const lines = new AnswerLines(10)
    expect(chunks.map((chunk) => lines.take(Buffer.from(chunk)))).toContain(null)
  })

  it('takes lines of just the length that is allowed, however many come at once', () => {
    const lines = new AnswerLines(10)
    expect(lines.take(Buffer.from('1234567890\n'.repeat(3)))).toHaveLength(3)
  })
})
