import { describe, expect, it } from 'vitest'
import { createSystemClock } from '../../src/clock/system-clock.ts'
import { watchEventLoop } from '../../src/clock/event-loop.ts'

describe('the watch of the event loop', () => {
  it('notices that the thread was kept from its work, and forgets it when told', async () => {
    const clock = createSystemClock()
    const loop = watchEventLoop()
    await clock.sleep(120)
    const untilUs = clock.monotonicUs() + 300_000
    while (clock.monotonicUs() < untilUs);
    await clock.sleep(120)
    expect(loop.delayMax).toBeGreaterThan(0.1)
    expect(loop.utilization).toBeGreaterThan(0)
    loop.reset()
    expect(loop.delayMax).toBe(0)
    loop.close()
  })
})
