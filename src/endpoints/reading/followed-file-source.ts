import type { EndpointEnvironment, ReadRequest, Source, SourceSlice } from '../../core/endpoints.ts'
import type { JsonValue } from '../../core/json.ts'
import { emptyBatch } from '../../core/record-batch.ts'
import { openError } from '../file-error.ts'
import type { FollowedFile } from './followed-file.ts'
import { FollowedFiles, type FollowedFilesOptions } from './followed-files.ts'
import { SliceCollector } from './slice-collector.ts'

export interface FollowedFileSourceOptions extends Omit<FollowedFilesOptions, 'notice'> {
  /** How long a record of several lines waits for more of them, µs. */
  readonly flushAfterUs: number
  readonly environment: EndpointEnvironment
}

/** How often the files are looked at while nothing comes. */
const pollMs = 100
/** How often new, renamed and shortened files are looked for while something comes. */
const lookUs = 200_000

interface Round {
  readonly collector: SliceCollector
  readonly positions: Map<string, JsonValue>
  readonly nowUs: number
}

/** Reads files that others write, as they grow, and goes on where an earlier run stopped. */
export class FollowedFileSource implements Source {
  readonly #options: FollowedFileSourceOptions
  readonly #files: FollowedFiles
  #collector: SliceCollector | null = null
  #lookedUs = Number.NEGATIVE_INFINITY
  /** Who comes first in the next slice: a file that never ends does not hold up the others. */
  #turn = 0

  constructor(options: FollowedFileSourceOptions) {
    this.#options = options
    this.#files = new FollowedFiles({ ...options, notice: options.environment.notice })
  }

  async read(request: ReadRequest): Promise<SourceSlice | null> {
    const { clock } = this.#options.environment
    this.#collector ??= new SliceCollector(clock, request)
    const collector = this.#collector
    collector.begin(request)
    while (!request.signal.aborted) {
      collector.stamp()
      const positions = await this.#collect(collector)
      if (collector.count > 0) {
        for (const [split, position] of positions) collector.setPosition(split, position)
        return collector.finish()
      }
      if (positions.size > 0) {
        return { batch: emptyBatch(), failures: [], positions, info: () => ({}) }
      }
      await clock.sleep(pollMs, request.signal)
    }
    return null
  }

  async close(): Promise<void> {
    await this.#files.close()
  }

  async #collect(collector: SliceCollector): Promise<ReadonlyMap<string, JsonValue>> {
    const nowUs = this.#options.environment.clock.monotonicUs()
    const round = { collector, positions: new Map<string, JsonValue>(), nowUs }
    if (nowUs - this.#lookedUs >= lookUs) await this.#look(round)
    const files = this.#files.all
    this.#turn += 1
    for (let index = 0; index < files.length && !collector.isFull(); index++) {
      await this.#readFile(files[(this.#turn + index) % files.length]!, round)
    }
    return round.positions
  }

  async #look({ collector, positions, nowUs }: Round): Promise<void> {
    this.#lookedUs = nowUs
    const at = { nowUs, wallMs: this.#options.environment.clock.wallMs() }
    for (const file of await this.#files.look(at, collector.signal)) {
      positions.set(file.split, await file.position(this.#files.lookedMs))
    }
  }

  async #readFile(file: FollowedFile, { collector, positions, nowUs }: Round): Promise<void> {
    const { flushAfterUs, rotateWaitUs } = this.#options
    try {
      const quietUs = await file.refresh(nowUs)
      if (file.isTruncated) {
        positions.set(file.split, null)
        const { signal } = collector
        const copy = await this.#files.reopen(file, { nowUs, signal })
        if (copy !== null) positions.set(copy.split, await copy.position(this.#files.lookedMs))
        this.#lookedUs = Number.NEGATIVE_INFINITY
        return
      }
      const hasLeft = file.leftUs !== null && nowUs - file.leftUs >= rotateWaitUs
      if (hasLeft && file.isDrained && quietUs >= rotateWaitUs) file.finish()
      file.flush(quietUs >= flushAfterUs)
      if (await file.collect(collector))
        positions.set(file.split, await file.position(this.#files.lookedMs))
      if (!file.isOver) return
      positions.set(file.split, null)
      await this.#files.drop(file)
    } catch (thrown) {
      throw openError('reading', file.path, thrown)
    }
  }
}
