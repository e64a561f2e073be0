import { describe, expect, it } from 'vitest'
import { ErrorLines } from '../../../src/endpoints/processes/error-lines.ts'
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts'

function bench() {
  const told: string[] = []
  const clock = new VirtualClock()
  return { told, clock, lines: new ErrorLines(clock, (line) => told.push(line)) }
}

describe('ErrorLines', () => {
  it('tells each line, and what is left at the end', () => {
    const { told, lines } = bench()
    for (const byte of Buffer.from('é1\r\n\n  two\nend')) lines.take(Buffer.of(byte))
    lines.end()
    expect(told).toEqual(['é1', '  two', 'end'])
  })

  it('cuts a long line, and keeps no more of one without an end', () => {
    const { told, lines } = bench()
    for (let chunk = 0; chunk < 100; chunk++) lines.take(Buffer.alloc(10_000, 'x'))
    lines.take(Buffer.from('\nnext\n'))
    expect(told.map(({ length }) => length)).toEqual([2_000, 4])
  })

  it('tells no more than a log can take, and how many it has left out', async () => {
    const { told, clock, lines } = bench()
    lines.take(Buffer.from('line\n'.repeat(1_000)))
    expect(told).toHaveLength(100)
    await clock.advance(1_000)
    lines.take(Buffer.from('later\n'))
    expect(told.slice(100)).toEqual(['(900 lines left out)', 'later'])
  })
})
