import { join } from 'node:path'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'
import type { AsyncRunOptions } from '../../src/simulation/run-async-operator.ts'

/** What examples of asynchronous operators work with: the files and peers that their settings name. */
export function asyncWorld(): AsyncRunOptions {
  return {
    folder: join(import.meta.dirname, 'async-world'),
    environment: {
      clock: new VirtualClock(),
      random: new SeededRandom(1),
      log: () => {},
      spawn: () => {
        throw new TypeError('no process runs in these tests')
      },
    },
  }
}
