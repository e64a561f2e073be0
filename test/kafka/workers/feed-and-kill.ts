import { SeededRandom } from '../../../src/simulation/seeded-random.ts'
import { clock, type Fleet } from './fleet.ts'
import type { Workload } from './workload.ts'

/** Records come in over some 20 s, so that there is work to do at every kill. */
const chunks = 20
const chunkMs = 1_000
const killEveryMs = 3_000

/** Feeds the workload while workers are killed and others start in their place. @returns how many were killed. */
export async function feedAndKill(workload: Workload, fleet: Fleet): Promise<number> {
  const random = new SeededRandom(5)
  let kills = 0
  let nextKillUs = clock.monotonicUs() + 1_000 * killEveryMs
  while (!workload.isProduced) {
    await workload.produce(workload.records / chunks)
    await clock.sleep(chunkMs)
    if (clock.monotonicUs() < nextKillUs) continue
    nextKillUs += 1_000 * killEveryMs
    const { running } = fleet
    const victim = running[Math.floor(random.next() * running.length)]!
    victim.kill('SIGKILL')
    await victim.ended
    kills += 1
    fleet.start()
  }
  return kills
}
