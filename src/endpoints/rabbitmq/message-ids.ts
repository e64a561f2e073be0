import type { JsonValue } from '../../core/json.ts'
import { isJsonObject } from '../../core/json.ts'

/** Ids that are stored under one key: what is written again when one of them is added. */
const pageIds = 256
const pagePrefix = 'ids-'

/** Some ids that came one after the other. */
interface Page {
  /** Counts pages; the key is made of what remains when it is divided by the number of pages. */
  readonly sequence: number
  /** When the last of them came, epoch ms. */
  atMs: number
  readonly ids: string[]
}

/**
 * The ids of the last messages, kept with the positions of the source: a message that comes again is known
 * then, also after a crash. Bounded: the oldest page makes room for the next one.
 */
export class MessageIds {
  readonly #withinMs: number
  readonly #pages: (Page | null)[]
  readonly #pageOf = new Map<string, Page>()
  readonly #changed = new Set<Page>()
  #current: Page

  /** @param stored positions of the source as last committed. */
  constructor(
    stored: ReadonlyMap<string, JsonValue>,
    { max, withinMs }: { readonly max: number; readonly withinMs: number },
  ) {
    this.#withinMs = withinMs
    // One more, as the page in use is never full.
    this.#pages = Array.from({ length: Math.ceil(max / pageIds) + 1 }, () => null)
    const pages = [...stored]
      .flatMap(([key, value]) => (key.startsWith(pagePrefix) ? [pageOf(value)] : []))
      .filter((page) => page !== null)
      .toSorted((left, right) => left.sequence - right.sequence)
    for (const page of pages) this.#place(page)
    this.#current = pages.at(-1) ?? { sequence: 0, atMs: 0, ids: [] }
    this.#place(this.#current)
  }

  has(id: string, nowMs: number): boolean {
    const page = this.#pageOf.get(id)
    return page !== undefined && nowMs - page.atMs <= this.#withinMs
  }

  add(id: string, nowMs: number): void {
    if (this.#current.ids.length >= pageIds) {
      this.#current = { sequence: this.#current.sequence + 1, atMs: nowMs, ids: [] }
      this.#place(this.#current)
    }
    const page = this.#current
    page.ids.push(id)
    // Never less: a clock that is set back must not make ids old.
    page.atMs = Math.max(page.atMs, nowMs)
    this.#pageOf.set(id, page)
    this.#changed.add(page)
  }

  /** What is to be committed for all ids since the last call. */
  changes(): Map<string, JsonValue> {
    const changes = new Map<string, JsonValue>()
    for (const page of this.#changed) {
      const { sequence, atMs, ids } = page
      changes.set(this.#keyOf(page), { sequence, at: atMs, ids: [...ids] })
    }
    this.#changed.clear()
    return changes
  }

  #keyOf({ sequence }: Page): string {
    return `${pagePrefix}${sequence % this.#pages.length}`
  }

  /** In the place of the one that was there. */
  #place(page: Page): void {
    const at = page.sequence % this.#pages.length
    for (const id of this.#pages[at]?.ids ?? []) {
      if (this.#pageOf.get(id) === this.#pages[at]) this.#pageOf.delete(id)
    }
    this.#pages[at] = page
    for (const id of page.ids) this.#pageOf.set(id, page)
  }
}

function pageOf(stored: JsonValue): Page | null {
  if (!isJsonObject(stored)) return null
  const { sequence, at, ids } = stored
  if (typeof sequence !== 'number' || typeof at !== 'number' || !Array.isArray(ids)) return null
  return { sequence, atMs: at, ids: ids.filter((id) => typeof id === 'string') }
}
