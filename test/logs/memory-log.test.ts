import { MemoryLog } from '../../src/logs/memory-log.ts'
import { ownStorage } from '../conformance/log-fixture.ts'
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
  { ...ownStorage, growsTopics: true, compactsTopics: true },
)
