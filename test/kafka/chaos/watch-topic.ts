import type { Clock } from '../../../src/core/clock.ts'
import { consumeAll } from '../java/kafka-tool.ts'
import { idsByPartition } from '../workers/oracle.ts'
import type { Workload } from '../workers/workload.ts'

/** What a reader of committed records saw who looked again and again. */
export interface Seen {
  readonly looks: number
  /** At the last look. */
  readonly ids: readonly (readonly string[])[]
  /** The first look that did not go on from the one before it, in words; null: all did. */
  readonly contradiction: string | null
}

const lookEveryMs = 5_000

/**
 * Reads all of a topic every few seconds, with Kafka's own client: what was there once has to be there
 * ever after, at its place.
 */
export async function watchClean(
  workload: Workload,
  { address, clock, over }: { address: string; clock: Clock; over: AbortSignal },
): Promise<Seen> {
  let ids: readonly (readonly string[])[] = []
  let looks = 0
  let contradiction: string | null = null
  while (!over.aborted) {
    await clock.sleep(lookEveryMs, over)
    const next = await look(workload, address)
    if (next === null) continue
    looks += 1
    const partition = ids.findIndex((before, index) => !beginsWith(next[index]!, before))
    if (partition !== -1) contradiction ??= `look ${looks}, partition ${partition}`
    ids = next
  }
  return { looks, ids, contradiction }
}

/** null while the broker cannot be reached, or there is no topic yet. */
async function look(workload: Workload, address: string): Promise<string[][] | null> {
  try {
    const options = { isolation: 'read_committed', waitMs: 0 } as const
    const records = await consumeAll(address, workload.topic('clean'), options)
    return idsByPartition(records, workload.partitions)
  } catch {
    return null
  }
}

export function beginsWith(all: readonly string[], start: readonly string[]): boolean {
  return start.every((id, index) => all[index] === id)
}
