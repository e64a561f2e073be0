import { MemoryLog } from '../../src/logs/memory-log.ts'
import { logConformance } from '../conformance/log-conformance.ts'

logConformance(
  'memory',
  async (clock) => {
    const log = new MemoryLog({ clock })
    return {
      open: async () => log,
      retain: async () => log.applyRetention(),
      dispose: async () => {},
    }
  },
  { noticesReset: true },
)
