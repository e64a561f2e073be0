import { rmSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { failpoints } from '../../../src/logs/embedded/failpoint.ts'
import {
  expectedValues,
  lastNumber,
  recover,
  startCopier,
  temporaryDirectory,
} from './copier-process.ts'

const size = { batches: 12, recordsPerBatch: 5 }
const records = size.batches * size.recordsPerBatch

describe('a writer killed with -9', { timeout: 30_000 }, () => {
  let directory: string
  beforeEach(() => {
    directory = temporaryDirectory()
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  const early = failpoints.map((point) => `${point}@1`)
  const inTheMiddle = ['after-outputs', 'before-commit', 'after-commit', 'before-visible']
  const late = inTheMiddle.map((point) => `${point}@14`)

  it.each([...early, ...late])(
    'at %s leaves whole commits, and the next start ends as an uninterrupted run',
    async (failpoint) => {
      const killed = startCopier({ directory, ...size, failpoint })
      expect(await killed.ended).toBe('SIGKILL')

      const copied = await recover(directory)
      expect(copied.position).toBe(copied.outputs.length)
      expect(copied.counted).toBe(copied.outputs.length)
      expect(copied.outputs).toEqual(expectedValues(copied.outputs.length))
      expect(copied.outputs.length).toBeGreaterThanOrEqual(lastNumber(killed.lines, 'copied'))

      const resumed = startCopier({ directory, ...size })
      expect(await resumed.ended).toBe(0)
      expect((await recover(directory)).outputs).toEqual(expectedValues(records))
    },
  )

  it('again and again still ends as an uninterrupted run', async () => {
    for (const failpoint of ['before-commit@3', 'after-commit@4', 'after-state@2']) {
      expect(await startCopier({ directory, ...size, failpoint }).ended).toBe('SIGKILL')
    }
    expect(await startCopier({ directory, ...size }).ended).toBe(0)
    expect((await recover(directory)).outputs).toEqual(expectedValues(records))
  })
})
