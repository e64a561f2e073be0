import type { Clock } from '../core/clock.ts'
import type { LogReader, OffsetRange, SliceBatch } from '../core/log.ts'
import type { FollowRequest, TopicFollower } from '../core/topic-follower.ts'

/** How often a topic is looked at: soon after something came, and less and less often while nothing does. */
const pollMs = { least: 2, most: 32 } as const
const readBytes = 1024 * 1024
/** What one follower may leave lying; the others of its topic wait for it then. */
const maxWaitingBytes = 8 * 1024 * 1024

/** Reads topics beside the tasks. Who follows one from its end shares the reading with all others who do. */
export class LogFollower implements TopicFollower {
  readonly #reader: LogReader
  readonly #clock: Clock
  readonly #tails = new Map<string, TopicTail>()

  constructor(reader: LogReader, clock: Clock) {
    this.#reader = reader
    this.#clock = clock
  }

  async *follow({ topic, start, signal, ...told }: FollowRequest): AsyncGenerator<SliceBatch> {
    if (signal.aborted) return
    const tail = start === 'latest' ? this.#tailOf(topic) : this.#openTail(topic, start)
    const inbox = new Inbox(signal, told)
    tail.add(inbox)
    try {
      for (;;) {
        const batch = await inbox.next()
        if (batch === null) return
        yield batch
      }
    } finally {
      tail.remove(inbox)
    }
  }

  #tailOf(topic: string): TopicTail {
    const shared = this.#tails.get(topic)
    if (shared !== undefined && !shared.isOver) return shared
    const tail = this.#openTail(topic, 'latest')
    this.#tails.set(topic, tail)
    return tail
  }

  #openTail(topic: string, start: FollowRequest['start']): TopicTail {
    return new TopicTail({ reader: this.#reader, clock: this.#clock, topic, start })
  }
}

interface TailOptions extends Pick<FollowRequest, 'topic' | 'start'> {
  readonly reader: LogReader
  readonly clock: Clock
}

/** One reading of a topic, from the first follower until the last has gone or it met an error. */
class TopicTail {
  isOver = false
  readonly #options: TailOptions
  readonly #inboxes = new Set<Inbox>()
  readonly #stop = new AbortController()
  /** Next offset by partition; a partition that comes later is read from its beginning. */
  readonly #positions: bigint[] = []
  /** By partition, where it ended at the beginning. */
  readonly #ends: bigint[] = []
  #hasBegun = false
  #isOpen = false

  constructor(options: TailOptions) {
    this.#options = options
  }

  add(inbox: Inbox): void {
    this.#inboxes.add(inbox)
    if (this.#isOpen) inbox.opened()
    if (this.#hasBegun) return
    this.#hasBegun = true
    void this.#run()
  }

  remove(inbox: Inbox): void {
    this.#inboxes.delete(inbox)
    inbox.close()
    if (this.#inboxes.size > 0) return
    this.isOver = true
    this.#stop.abort()
  }

  async #run(): Promise<void> {
    const { reader, clock, topic, start } = this.#options
    const { signal } = this.#stop
    let waitMs: number = pollMs.least
    try {
      for (const range of await reader.ranges(topic)) {
        this.#positions.push(start === 'latest' ? range.end : range.start)
        this.#ends.push(range.end)
      }
      this.#isOpen = true
      for (const inbox of this.#inboxes) inbox.opened()
      while (!signal.aborted) {
        const hasRead = await this.#readOnce()
        waitMs = hasRead ? pollMs.least : Math.min(2 * waitMs, pollMs.most)
        // What ends a transaction takes an offset that no batch has.
        if (!hasRead || this.#ends.every((end, at) => this.#positions[at]! >= end))
          for (const inbox of this.#inboxes) inbox.caughtUp()
        await clock.sleep(waitMs, signal)
        for (const inbox of this.#inboxes) await inbox.untilRoom()
      }
    } catch (thrown) {
      this.isOver = true
      for (const inbox of this.#inboxes) inbox.fail(thrown)
    }
  }

  /** @returns whether there was anything. */
  async #readOnce(): Promise<boolean> {
    const { reader, topic } = this.#options
    const ranges = await reader.ranges(topic)
    let hasRead = false
    for (const [partition, range] of ranges.entries()) {
      const offset = this.#positionIn(partition, range)
      if (offset >= range.end || this.#stop.signal.aborted) continue
      for (const batch of await reader.read({ topic, partition, offset }, readBytes)) {
        this.#positions[partition] = batch.next
        hasRead = true
        for (const inbox of this.#inboxes) inbox.put(batch)
      }
    }
    return hasRead
  }

  /** What retention has removed meanwhile is passed over: who only looks loses nothing by it. */
  #positionIn(partition: number, { start }: OffsetRange): bigint {
    const position = this.#positions[partition] ?? start
    return position < start ? start : position
  }
}

/** The batches that one follower has not taken yet. */
class Inbox {
  readonly opened: () => void
  readonly #onCaughtUp: () => void
  #isCaughtUp = false
  #hasTold = false
  readonly #signal: AbortSignal
  readonly #batches: SliceBatch[] = []
  #bytes = 0
  #isClosed = false
  #error: { readonly thrown: unknown } | null = null
  #wake: (() => void) | null = null
  #roomMade: (() => void) | null = null

  constructor(signal: AbortSignal, told: Pick<FollowRequest, 'onOpen' | 'onCaughtUp'>) {
    this.#signal = signal
    this.opened = told.onOpen ?? (() => {})
    this.#onCaughtUp = told.onCaughtUp ?? (() => {})
    signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  readonly #onAbort = () => this.close()

  put(batch: SliceBatch): void {
    if (this.#isClosed) return
    this.#batches.push(batch)
    this.#bytes += batch.batch.bytes.byteLength
    this.#wake?.()
  }

  /** All that was there at the beginning has been put. */
  caughtUp(): void {
    if (this.#isCaughtUp) return
    this.#isCaughtUp = true
    this.#wake?.()
  }

  fail(thrown: unknown): void {
    this.#error = { thrown }
    this.#wake?.()
  }

  close(): void {
    this.#isClosed = true
    this.#batches.length = 0
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#wake?.()
    this.#roomMade?.()
  }

  /** null: the follower's signal has aborted. @throws what reading met, once all that came before it is taken. */
  async next(): Promise<SliceBatch | null> {
    for (;;) {
      if (this.#isClosed) return null
      const batch = this.#batches.shift()
      if (batch !== undefined) {
        this.#bytes -= batch.batch.bytes.byteLength
        if (this.#hasRoom) this.#roomMade?.()
        return batch
      }
      if (this.#isCaughtUp && !this.#hasTold) {
        this.#hasTold = true
        this.#onCaughtUp()
      }
      if (this.#error !== null) throw this.#error.thrown
      await new Promise<void>((resolve) => (this.#wake = resolve))
      this.#wake = null
    }
  }

  async untilRoom(): Promise<void> {
    while (!this.#hasRoom && !this.#isClosed)
      await new Promise<void>((resolve) => (this.#roomMade = resolve))
  }

  get #hasRoom(): boolean {
    return this.#bytes < maxWaitingBytes
  }
}
