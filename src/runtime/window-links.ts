import type { WindowLink } from '../core/telemetry.ts'
import { spanIdOf } from '../core/trace-ids.ts'

/** Traced records in a window that is open. */
export interface WindowContributors {
  /** The same for the window and the spans of records in it, so that each finds the other. */
  readonly window: string
  readonly links: WindowLink[]
  count: number
}

/** Of more open windows with traced records the oldest are forgotten: their results have no span. */
const maxWindows = 10_000

/**
 * Which traced records went into what a stateful step keeps under a key, until its result comes. It is
 * not kept over a restart: the result of a window that was open then has links to later records only.
 */
export class WindowLinks {
  readonly #task: string
  readonly #maxLinks: number
  readonly #open = new Map<string, WindowContributors>()

  constructor(task: string, maxLinks: number) {
    this.#task = task
    this.#maxLinks = maxLinks
  }

  /** Returns the id of the window. */
  add(step: string, key: string, link: WindowLink): string {
    const contributors = this.#at(step, key)
    contributors.count += 1
    const { links, window } = contributors
    if (links.length < this.#maxLinks) links.push(link)
    // The last one stays as well: the first and the last tell how long the window took.
    else if (links.length > 1) links[links.length - 1] = link
    return window
  }

  /** null where no traced record went into it. */
  take(step: string, key: string): WindowContributors | null {
    if (this.#open.size === 0) return null
    const name = nameOf(step, key)
    const found = this.#open.get(name) ?? null
    this.#open.delete(name)
    return found
  }

  #at(step: string, key: string): WindowContributors {
    const name = nameOf(step, key)
    const known = this.#open.get(name)
    if (known !== undefined) return known
    if (this.#open.size >= maxWindows) this.#open.delete(this.#open.keys().next().value!)
    const made = { window: spanIdOf('', this.#task, step, key), links: [], count: 0 }
    this.#open.set(name, made)
    return made
  }
}

function nameOf(step: string, key: string): string {
  return `${step}\u0000${key}`
}
