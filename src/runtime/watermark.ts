/** A task whose records the reading task expects on one input. */
export interface ExpectedWriter {
  /** The writer's task id; null on a topic that no stage writes, where the partition itself counts. */
  readonly id: string | null
  /** It reads bounded input: its records prove nothing about what is still to come, until it ends. */
  readonly holds: boolean
  /** It says its own watermark in markers; the event times of its records do not count. */
  readonly sendsMarkers: boolean
}

/** How far one writer is known to be, on one input. */
export class WriterProgress {
  readonly writer: ExpectedWriter
  maxEventTimeMs = Number.NEGATIVE_INFINITY
  /** Ended or idle: it does not hold the watermark back until it writes again. */
  isSilent = false

  constructor(writer: ExpectedWriter) {
    this.writer = writer
  }

  get watermarkMs(): number {
    if (this.isSilent) return Number.POSITIVE_INFINITY
    return this.writer.holds && !this.writer.sendsMarkers ? Number.NEGATIVE_INFINITY : this.maxEventTimeMs
  }
}

/**
 * The reading task's watermark: the minimum over its expected writers of the highest event time seen
 * from each. One not yet seen holds it back until it is seen, has ended or is idle. It never falls.
 */
export class WatermarkTracker {
  readonly #progress = new Map<string, WriterProgress>()
  /** For records of a writer that nobody expects, such as a replay: it neither moves nor holds. */
  readonly #ignored = new WriterProgress({ id: null, holds: true, sendsMarkers: false })
  #watermarkMs = Number.NEGATIVE_INFINITY

  /** @param inputs by input, in the task's order, its expected writers. */
  constructor(inputs: readonly (readonly ExpectedWriter[])[]) {
    for (const [input, writers] of inputs.entries()) {
      for (const writer of writers) this.#progress.set(progressKey(input, writer.id), new WriterProgress(writer))
    }
  }

  get watermarkMs(): number {
    return this.#watermarkMs
  }

  /** Look it up once per batch: all records of a batch are one writer's. */
  progressOf(input: number, writerId: string): WriterProgress {
    return this.#progress.get(progressKey(input, writerId)) ?? this.#progress.get(progressKey(input, null)) ?? this.#ignored
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
    return progress.writer.holds && !progress.writer.sendsMarkers ? false : this.update()
  }

  /** Moves the watermark to at least `toMs`: at a restart, or at the end of bounded input. */
  raise(toMs: number): void {
    if (toMs > this.#watermarkMs) this.#watermarkMs = toMs
  }

  /** Returns whether the watermark rose. With all writers silent it stays where it is. */
  update(): boolean {
    let lowest = Number.POSITIVE_INFINITY
    for (const progress of this.#progress.values()) lowest = Math.min(lowest, progress.watermarkMs)
    if (lowest === Number.POSITIVE_INFINITY || lowest <= this.#watermarkMs) return false
    this.#watermarkMs = lowest
    return true
  }
}

function progressKey(input: number, writerId: string | null): string {
  return writerId === null ? `${input}` : `${input}/${writerId}`
}
