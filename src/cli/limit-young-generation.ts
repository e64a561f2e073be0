import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import type { Clock } from '../core/clock.ts'

/**
 * A stream leaves much short-lived garbage, for which V8 lets its young generation grow to 128 MiB and
 * more: memory without any gain in speed here (measured with 1,000,000 orders: 400 MB of peak memory
 * without the limit, 280 MB with it, at the same speed).
 */
const enoughBytes = 16 * 1024 * 1024
const lookEveryMs = 50

/** Stops the growth of the young generation once it is large enough. */
export async function limitYoungGeneration(clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    if (youngGenerationBytes() >= enoughBytes) {
      setFlagsFromString('--semi-space-growth-factor=1')
      return
    }
    await clock.sleep(lookEveryMs, signal)
  }
}

function youngGenerationBytes(): number {
  return (
    getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_size ?? 0
  )
}
