import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FrameInput, type Framing } from '../../../src/endpoints/tcp/frame-input.ts'

const line: Framing = { delimiter: Buffer.from('\n'), maxFrame: 64, skipsLong: false }

/** What comes out of bytes that come in chunks; a long one as `long`, with what is kept of it. */
function framesOf(bytes: Buffer, cuts: readonly number[], framing: Framing): string[] {
  const input = new FrameInput(framing)
  const frames: string[] = []
  let from = 0
  for (const to of [...cuts, bytes.length]) {
    input.push(bytes.subarray(from, to))
    from = to
    while (input.find()) {
      const kept = input.frame.toString('latin1')
      frames.push(input.isTooLong ? `long ${kept}` : kept)
      input.consume()
    }
  }
  return frames
}

function lengthFramed(...frames: string[]): Buffer {
  return Buffer.concat(
    frames.map((frame) => {
      const header = Buffer.alloc(4)
      header.writeUInt32BE(frame.length)
      return Buffer.concat([header, Buffer.from(frame, 'latin1')])
    }),
  )
}

const allCuts = (length: number) => Array.from({ length }, (_, index) => index)

describe('frames', () => {
  it.each([
    ['lines', line, 'a\nbc\r\n\n\r\nd\re\n', ['a', 'bc', '', '', 'd\re']],
    [
      'a delimiter of several bytes',
      { ...line, delimiter: Buffer.from('\r\n.') },
      'a\r\n.b\r\r\n.\r\n.',
      ['a', 'b\r', ''],
    ],
    ['zeros', { ...line, delimiter: Buffer.from('\0') }, 'a\n\0b\r\0', ['a\n', 'b\r']],
  ])('end with their delimiter: %s', (_, framing, text, frames) => {
    expect(framesOf(Buffer.from(text), [], framing)).toEqual(frames)
    expect(framesOf(Buffer.from(text), allCuts(text.length), framing)).toEqual(frames)
  })

  it('have a length of four bytes before them', () => {
    const bytes = lengthFramed('abc', '', 'd\n')
    const framing = { ...line, delimiter: null }
    expect(framesOf(bytes, [], framing)).toEqual(['abc', '', 'd\n'])
    expect(framesOf(bytes, allCuts(bytes.length), framing)).toEqual(['abc', '', 'd\n'])
  })

  it('come out the same wherever they are cut, long ones too', () => {
    const frame = fc.string({ unit: fc.constantFrom('a', 'b', '\r', '.', '|'), maxLength: 12 })
    const settings = fc.record({
      delimiter: fc.constantFrom('\n', '||', '|.|', null),
      skipsLong: fc.boolean(),
      maxFrame: fc.integer({ min: 1, max: 8 }),
    })
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 8 }),
        settings,
        fc.array(fc.nat(120)),
        (frames, setting, places) => {
          const { delimiter } = setting
          const bytes =
            delimiter === null
              ? lengthFramed(...frames)
              : Buffer.from(frames.map((text) => text + delimiter).join(''))
          const framing = {
            ...setting,
            delimiter: delimiter === null ? null : Buffer.from(delimiter),
          }
          const cuts = places.filter((at) => at <= bytes.length).toSorted((a, b) => a - b)
          const whole = framesOf(bytes, [], framing)
          expect(framesOf(bytes, cuts, framing)).toEqual(whole)
          expect(framesOf(bytes, allCuts(bytes.length), framing)).toEqual(whole)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('are let go where they are too long, and what follows with them', () => {
    const text = `${'x'.repeat(65)}\nnext\n`
    expect(framesOf(Buffer.from(text), [], line)).toEqual([`long ${'x'.repeat(64)}`])
    expect(framesOf(Buffer.from(text), [], { ...line, skipsLong: true })).toEqual([
      `long ${'x'.repeat(64)}`,
      'next',
    ])
  })

  it('may be as long as the limit says, and no byte longer', () => {
    expect(framesOf(Buffer.from(`${'x'.repeat(64)}\n`), [], line)).toEqual(['x'.repeat(64)])
    const framing = { ...line, delimiter: null }
    expect(framesOf(lengthFramed('x'.repeat(64)), [], framing)).toEqual(['x'.repeat(64)])
    expect(framesOf(lengthFramed('x'.repeat(65), 'y'), [], framing)).toHaveLength(1)
  })

  it('of a gigabyte without an end take no more memory than one frame and a chunk', () => {
    const chunk = Buffer.alloc(64 * 1024, 'x')
    for (const skipsLong of [false, true]) {
      const input = new FrameInput({ ...line, maxFrame: 1024 * 1024, skipsLong })
      let most = 0
      let long = 0
      for (let sent = 0; sent < 2 ** 30; sent += chunk.length) {
        input.push(chunk)
        if (input.find()) {
          long += 1
          input.consume()
        }
        most = Math.max(most, input.held)
      }
      expect(long).toBe(1)
      expect(most).toBeLessThan(4 * 1024 * 1024)
      expect(input.held).toBeLessThanOrEqual(chunk.length)
    }
  })

  it('with a length that lies are refused by their length alone', () => {
    const input = new FrameInput({ ...line, delimiter: null })
    input.push(Buffer.from([0xff, 0xff, 0xff, 0xff]))
    expect([input.find(), input.isTooLong]).toEqual([true, true])
    expect([...input.frame]).toEqual([255, 255, 255, 255])
    input.consume()
    input.push(Buffer.alloc(100))
    expect([input.find(), input.held]).toEqual([false, 0])
  })

  it('in chunks of one byte take memory for their bytes, not for the chunks', () => {
    const input = new FrameInput({ ...line, maxFrame: 100_000 })
    for (let index = 0; index < 90_000; index++) input.push(Buffer.from('x'))
    expect(input.held).toBeLessThan(400_000)
    input.push(Buffer.from('\n'))
    expect(input.find()).toBe(true)
    expect(input.frame.length).toBe(90_000)
  })
})
