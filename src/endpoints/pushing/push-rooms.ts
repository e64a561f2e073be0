import { History, type HistoryLimits, type Pushed } from './history.ts'

/** Somebody to push to. */
export interface Subscriber {
  readonly rooms: readonly string[]
  push(pushed: Pushed): void
}

/** The room of what goes to everybody. */
export const everybody = ''

/** Who is in which room, and what was last pushed there. */
export class PushRooms {
  readonly #history: History
  readonly #all = new Set<Subscriber>()
  readonly #byRoom = new Map<string, Set<Subscriber>>()
  #number = 0

  constructor(limits: HistoryLimits) {
    this.#history = new History(limits)
  }

  /** Whether it makes a difference that something is pushed. */
  get isWanted(): boolean {
    return this.#all.size > 0 || this.#history.isKept
  }

  /** @param after the number of what the subscriber has had last; what is kept since then is pushed to it. */
  enter(subscriber: Subscriber, after: number): void {
    this.#all.add(subscriber)
    for (const room of subscriber.rooms) {
      const others = this.#byRoom.get(room)
      if (others === undefined) this.#byRoom.set(room, new Set([subscriber]))
      else others.add(subscriber)
    }
    for (const pushed of this.#history.after([everybody, ...subscriber.rooms], after))
      subscriber.push(pushed)
  }

  leave(subscriber: Subscriber): void {
    this.#all.delete(subscriber)
    for (const room of subscriber.rooms) {
      const others = this.#byRoom.get(room)
      others?.delete(subscriber)
      if (others?.size === 0) this.#byRoom.delete(room)
    }
  }

  /** @param rooms those whose subscribers get it, once each; null: all do. */
  push(rooms: readonly string[] | null, data: Buffer): void {
    this.#number += 1
    const pushed = { number: this.#number, data }
    if (rooms === null) {
      this.#history.add(everybody, pushed)
      for (const subscriber of this.#all) subscriber.push(pushed)
      return
    }
    const [first] = rooms
    if (rooms.length === 1) {
      this.#history.add(first!, pushed)
      for (const subscriber of this.#byRoom.get(first!) ?? []) subscriber.push(pushed)
      return
    }
    const reached = new Set<Subscriber>()
    for (const room of new Set(rooms)) {
      this.#history.add(room, pushed)
      for (const subscriber of this.#byRoom.get(room) ?? []) reached.add(subscriber)
    }
    for (const subscriber of reached) subscriber.push(pushed)
  }
}
