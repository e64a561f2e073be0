/** A task whose records the reading task expects on one input. */
export interface ExpectedWriter {
  /** The writer's task id; null on a topic that no stage writes, where the partition itself counts. */
  readonly id: string | null
  /** It reads bounded input: its records prove nothing about what is still to come, until it ends. */
  readonly holds: boolean
  /** It says its own watermark in markers; the event times of its records do not count. */
  readonly sendsMarkers: boolean
}

const nothingTold = '[null,false]'

/** How far one writer is known to be, on one input. */
export class WriterProgress {
  /** Of the input and the writer. */
  readonly key: string
  readonly writer: ExpectedWriter
  /** What `takeChanges` has handed out last. */
  kept = nothingTold
  maxEventTimeMs = Number.NEGATIVE_INFINITY
  /** Ended or idle: it does not hold the watermark back until it writes again. */
  isSilent = false
  /** When a record of it was last read, or the reader began, epoch µs. */
  heardUs = Number.NEGATIVE_INFINITY

  constructor(key: string, writer: ExpectedWriter) {
    this.key = key
    this.writer = writer
  }

  get watermarkMs(): number {
    if (this.isSilent) return Number.POSITIVE_INFINITY
    return isTold(this) ? this.maxEventTimeMs : Number.NEGATIVE_INFINITY
  }
}

/**
 * The reading task's watermark: the minimum over its expected writers of the highest event time seen
 * from each. One not yet seen holds it back until it is seen, has ended or is idle. It never falls.
 */
export class WatermarkTracker {
  readonly #progress = new Map<string, WriterProgress>()
  /** For records of a writer that nobody expects, such as a replay: it neither moves nor holds. */
  readonly #ignored = new WriterProgress('', { id: null, holds: true, sendsMarkers: false })
  #watermarkMs = Number.NEGATIVE_INFINITY

  /** @param inputs by input, in the task's order, its expected writers. */
  constructor(inputs: readonly (readonly ExpectedWriter[])[]) {
    for (const [input, writers] of inputs.entries()) {
      for (const writer of writers) {
        const key = progressKey(input, writer.id)
        this.#progress.set(key, new WriterProgress(key, writer))
      }
    }
  }

  get watermarkMs(): number {
    return this.#watermarkMs
  }

  /** Look it up once per batch: all records of a batch are one writer's. */
  progressOf(input: number, writerId: string): WriterProgress {
    return (
      this.#progress.get(progressKey(input, writerId)) ??
      this.#progress.get(progressKey(input, null)) ??
      this.#ignored
    )
  }

  all(): Iterable<WriterProgress> {
    return this.#progress.values()
  }

  /** A record or marker of the writer is there. Returns whether the watermark rose. */
  observe(progress: WriterProgress, eventTimeMs: number): boolean {
    const wasSilent = progress.isSilent
    progress.isSilent = false
    if (!(eventTimeMs > progress.maxEventTimeMs)) return wasSilent && this.update()
    progress.maxEventTimeMs = eventTimeMs
    return isTold(progress) && this.update()
  }

  /** These writers have ended or are idle. Returns whether the watermark rose. */
  silence(writers: readonly WriterProgress[]): boolean {
    for (const progress of writers) progress.isSilent = true
    return this.update()
  }

  /** The reader begins: nothing could be heard before. */
  begin(nowUs: number): void {
    for (const progress of this.#progress.values()) progress.heardUs = nowUs
  }

  /**
   * What is known of single writers and has changed since the last call, for `restore`. They need not say it
   * again: without it a task that goes on elsewhere would wait for those that have nothing more to say. Of
   * one writer alone the watermark says it all.
   */
  takeChanges(): { readonly key: string; readonly value: string }[] {
    if (this.#progress.size < 2) return []
    const changes: { key: string; value: string }[] = []
    for (const progress of this.#progress.values()) {
      const { key, maxEventTimeMs, isSilent, writer } = progress
      const toldMs = Number.isFinite(maxEventTimeMs) ? maxEventTimeMs : null
      // Who sends no markers has fallen silent by the clock, and may have written since.
      const value = JSON.stringify([toldMs, isSilent && writer.sendsMarkers])
      if (value === progress.kept) continue
      progress.kept = value
      changes.push({ key, value })
    }
    return changes
  }

  /** Takes back what `takeChanges` gave; writers that nobody expects any more are left out. */
  restore(key: string, value: string): void {
    const progress = this.#progress.get(key)
    if (progress === undefined) return
    const [toldMs, isSilent] = JSON.parse(value) as [number | null, boolean]
    progress.maxEventTimeMs = toldMs ?? Number.NEGATIVE_INFINITY
    progress.isSilent = isSilent
    progress.kept = value
  }

  /** Moves the watermark to at least `toMs`: at a restart, or at the end of bounded input. */
  raise(toMs: number): void {
    if (toMs > this.#watermarkMs) this.#watermarkMs = toMs
  }

  /**
   * Returns whether the watermark rose. With all writers silent it is the highest that any of them has
   * come to: the one that fell silent last would have moved it there, whichever that was.
   */
  update(): boolean {
    let lowest = Number.POSITIVE_INFINITY
    let highest = Number.NEGATIVE_INFINITY
    for (const progress of this.#progress.values()) {
      lowest = Math.min(lowest, progress.watermarkMs)
      if (isTold(progress)) highest = Math.max(highest, progress.maxEventTimeMs)
    }
    const reached = lowest === Number.POSITIVE_INFINITY ? highest : lowest
    if (reached <= this.#watermarkMs) return false
    this.#watermarkMs = reached
    return true
  }
}

/** Whether its event times or markers say how far it is. */
function isTold({ writer }: WriterProgress): boolean {
  return !writer.holds || writer.sendsMarkers
}

function progressKey(input: number, writerId: string | null): string {
  return writerId === null ? `${input}` : `${input}/${writerId}`
}
