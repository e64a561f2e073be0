/** What is pushed: text, and the id by which a client asks for what came after it. */
export interface Pushed {
  readonly number: number
  readonly data: Buffer
}

export interface HistoryLimits {
  /** Kept for each room; 0: nothing is. */
  readonly perRoom: number
  readonly rooms: number
  /** Of all rooms together. */
  readonly bytes: number
}

interface RoomHistory {
  entries: Pushed[]
  bytes: number
}

/** The last messages of each room; where there are too many of them the room that was quiet the longest is forgotten. */
export class History {
  readonly #limits: HistoryLimits
  /** In the order in which something was last pushed to them. */
  readonly #rooms = new Map<string, RoomHistory>()
  #bytes = 0

  constructor(limits: HistoryLimits) {
    this.#limits = limits
  }

  get isKept(): boolean {
    return this.#limits.perRoom > 0
  }

  add(room: string, pushed: Pushed): void {
    const { perRoom, rooms, bytes } = this.#limits
    if (perRoom === 0) return
    const history = this.#rooms.get(room) ?? { entries: [], bytes: 0 }
    this.#rooms.delete(room)
    this.#rooms.set(room, history)
    history.entries.push(pushed)
    history.bytes += pushed.data.length
    this.#bytes += pushed.data.length
    if (history.entries.length > perRoom) this.#dropOldest(history)
    while (this.#rooms.size > rooms) this.#forgetQuietest()
    while (this.#bytes > bytes && this.#rooms.size > 1) this.#forgetQuietest()
    while (this.#bytes > bytes && history.entries.length > 0) this.#dropOldest(history)
  }

  /** Those of some rooms after a number, each once, in the order in which they were pushed. */
  after(rooms: readonly string[], number: number): readonly Pushed[] {
    const found = new Map<number, Pushed>()
    for (const room of rooms)
      for (const entry of this.#rooms.get(room)?.entries ?? [])
        if (entry.number > number) found.set(entry.number, entry)
    return [...found.values()].toSorted((left, right) => left.number - right.number)
  }

  #dropOldest(history: RoomHistory): void {
    const length = history.entries.shift()?.data.length ?? 0
    history.bytes -= length
    this.#bytes -= length
  }

  #forgetQuietest(): void {
    const [first] = this.#rooms
    if (first === undefined) return
    this.#rooms.delete(first[0])
    this.#bytes -= first[1].bytes
  }
}
