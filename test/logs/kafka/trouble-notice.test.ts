import { describe, expect, it } from 'vitest'
import { TroubleNotice } from '../../../src/logs/kafka/trouble-notice.ts'
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts'

describe('a notice of trouble', () => {
  function noticing() {
    const clock = new VirtualClock()
    const said: string[] = []
    return { clock, said, trouble: new TroubleNotice({ clock, notice: (text) => said.push(text) }) }
  }

  it('is not given for what passes by itself', async () => {
    const { clock, said, trouble } = noticing()
    trouble.begin('waits')
    await clock.advance(1_999)
    trouble.end('goes on')
    await clock.advance(10_000)
    expect(said).toEqual([])
  })

  it('is given once it has lasted, with its first reason, and when it is over', async () => {
    const { clock, said, trouble } = noticing()
    trouble.begin('first')
    await clock.advance(1_000)
    trouble.begin('second')
    await clock.advance(1_001)
    expect(said).toEqual(['first'])
    await clock.advance(60_000)
    trouble.end('goes on')
    trouble.end('goes on')
    expect(said).toEqual(['first', 'goes on'])
  })

  it('is given again for trouble that comes back', async () => {
    const { clock, said, trouble } = noticing()
    for (const text of ['first', 'second']) {
      trouble.begin(text)
      await clock.advance(2_001)
      trouble.end('over')
    }
    expect(said).toEqual(['first', 'over', 'second', 'over'])
  })

  it('is not given any more after closing', async () => {
    const { clock, said, trouble } = noticing()
    trouble.begin('waits')
    trouble.close()
    await clock.advance(5_000)
    expect(said).toEqual([])
  })
})
