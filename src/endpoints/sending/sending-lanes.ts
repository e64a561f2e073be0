import { murmur2 } from '../../core/partitioner.ts'
import type { Letter } from './request-maker.ts'

/** The last bits chose the partition: within one they say little. */
const usedBits = 12

export interface LaneSetting {
  readonly concurrency: number
  readonly maxRecords: number
  readonly maxBytes: number
}

/**
 * Records on their way, in as many lanes as there may be requests at a time: those of one key are in one
 * lane, which sends one request after the other. Those without a key are spread.
 */
export class SendingLanes {
  readonly #setting: LaneSetting
  readonly #lanes: Letter[][]
  #next = 0

  constructor(setting: LaneSetting) {
    this.#setting = setting
    this.#lanes = Array.from({ length: setting.concurrency }, () => [])
  }

  add(letter: Letter, key: Uint8Array | null): void {
    const { concurrency, maxRecords } = this.#setting
    if (key !== null) this.#lanes[(murmur2(key) >>> usedBits) % concurrency]!.push(letter)
    else {
      // A request is filled before the next lane has its turn.
      const lane = this.#lanes[Math.floor(this.#next / maxRecords) % concurrency]!
      this.#next += 1
      lane.push(letter)
    }
  }

  /** @throws what `send` throws first, once no request is under way any more. */
  async run(send: (letters: readonly Letter[]) => Promise<void>): Promise<void> {
    const isStopped = { now: false }
    const results = await Promise.allSettled(
      this.#lanes.map((lane) => this.#runLane(lane, send, isStopped)),
    )
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }

  async #runLane(
    lane: readonly Letter[],
    send: (letters: readonly Letter[]) => Promise<void>,
    isStopped: { now: boolean },
  ): Promise<void> {
    for (let from = 0; from < lane.length && !isStopped.now;) {
      const end = this.#endOfRequest(lane, from)
      try {
        await send(lane.slice(from, end))
      } catch (thrown) {
        isStopped.now = true
        throw thrown
      }
      from = end
    }
  }

  #endOfRequest(lane: readonly Letter[], from: number): number {
    const { maxRecords, maxBytes } = this.#setting
    const { url, headers, bytes } = lane[from]!
    let end = from + 1
    let size = bytes.length
    while (end < lane.length && end - from < maxRecords) {
      const next = lane[end]!
      size += next.bytes.length
      if (size > maxBytes || next.url !== url || !areSame(next.headers, headers)) break
      end += 1
    }
    return end
  }
}

function areSame(one: Letter['headers'], other: Letter['headers']): boolean {
  if (one === other) return true
  const names = Object.keys(one)
  return names.every((name) => one[name] === other[name])
}
