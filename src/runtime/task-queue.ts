import { BacklogArea } from './backlog-area.ts'
import { Departures } from './departures.ts'
import type { SliceStats } from './slice-stats.ts'
import type { StageMeter } from './stage-meter.ts'

/** What one task adds to the meter of its node: its slices, and looks at what waits for it. */
export class TaskQueue {
  readonly #meter: StageMeter
  readonly #lag: () => Promise<number>
  readonly #area = new BacklogArea()
  #departures: Departures
  #inWork = 0

  constructor(meter: StageMeter, options: { startedUs: number; lag: () => Promise<number> }) {
    this.#meter = meter
    this.#lag = options.lag
    this.#departures = new Departures(options.startedUs)
  }

  /** Records that were pulled and are not committed; markers among them count too. */
  get inWork(): number {
    return this.#inWork
  }

  pulled(records: number): void {
    this.#inWork += records
  }

  /** Counts the slice as committed. @param pulled as `pulled` was told; 0 where no slice was pulled. */
  committed(
    stats: SliceStats,
    { committedUs, pulled }: { committedUs: number; pulled: number },
  ): void {
    this.#inWork -= pulled
    if (stats.records > 0 && !this.#area.hasBegun) this.#begin(stats)
    this.#meter.addSlice(stats, committedUs, this.#departures)
    if (stats.records > 0 && this.#area.isDue(committedUs))
      void this.#look(committedUs, stats.records)
  }

  /** Nothing waits for the task. */
  quiet(nowUs: number): void {
    this.#area.add(nowUs, 0, 0)
    this.#meter.addBacklog(this.#area)
  }

  /** From the first arrival on, when the slice had come and nothing else is known. */
  #begin({ endUs, runUs, waitUs, records }: SliceStats): void {
    const arrivedUs = endUs[0]! - runUs[0]! - waitUs[0]!
    this.#area.add(Math.max(arrivedUs, this.#departures.startedUs), records, 0)
  }

  async #look(nowUs: number, left: number): Promise<void> {
    try {
      const waiting = await this.#lag()
      this.#area.add(nowUs, waiting + this.#inWork, left)
      this.#meter.addBacklog(this.#area)
    } catch {
      // A look that fails is one look less: whoever reads the log meets the same error.
    }
  }
}
