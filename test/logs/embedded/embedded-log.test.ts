import { rmSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { StateChange } from '../../../src/core/log.ts'
import { EmbeddedLog } from '../../../src/logs/embedded/embedded-log.ts'
import { openEmbeddedLog } from '../../../src/logs/embedded/open-embedded-log.ts'
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts'
import { ownStorage } from '../../conformance/log-fixture.ts'
import { logConformance } from '../../conformance/log-conformance.ts'
import { temporaryDirectory } from './copier-process.ts'

logConformance(
  'embedded',
  async (clock) => {
    const directory = temporaryDirectory()
    return {
      open: () => openEmbeddedLog({ directory, clock }),
      retain: async (log) => {
        if (log instanceof EmbeddedLog) await log.applyRetention()
      },
      dispose: async () => rmSync(directory, { recursive: true }),
    }
  },
  { ...ownStorage, growsTopics: false, compactsTopics: false },
)

describe('an embedded log whose writer meets a bug', () => {
  it('keeps nothing of the commit, takes no other, and lets the process go', async () => {
    const directory = temporaryDirectory()
    const log = await openEmbeddedLog({ directory, clock: new VirtualClock() })
    const task = await log.openTask({ id: 'a/0', group: 'a', inputs: [], start: 'earliest' })
    const good: StateChange = { step: 's', key: 'k', value: '1', dueMs: null }
    const impossible = { ...good, dueMs: 1n as never }
    const broken = task.commit({ outputs: [], state: [good, impossible], next: [] })
    await expect(broken).rejects.toMatchObject({ code: 'INVARIANT' })
    const later = task.commit({ outputs: [], state: [good], next: [] })
    await expect(later).rejects.toMatchObject({ code: 'INVARIANT' })
    await log.close()

    const again = await openEmbeddedLog({ directory, clock: new VirtualClock() })
    const spec = { id: 'a/0', group: 'a', inputs: [], start: 'earliest' } as const
    expect(await (await again.openTask(spec)).restore()).toEqual([])
    await again.close()
    rmSync(directory, { recursive: true })
  })
})
