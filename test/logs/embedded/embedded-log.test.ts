import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EmbeddedLog } from '../../../src/logs/embedded/embedded-log.ts'
import { openEmbeddedLog } from '../../../src/logs/embedded/open-embedded-log.ts'
import { logConformance } from '../../conformance/log-conformance.ts'

logConformance(
  'embedded',
  async (clock) => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-log-'))
    return {
      open: () => openEmbeddedLog({ directory, clock }),
      retain: async (log) => {
        if (log instanceof EmbeddedLog) await log.applyRetention()
      },
      dispose: async () => rmSync(directory, { recursive: true }),
    }
  },
  { noticesReset: true },
)
