import type { ByteWindow } from '../reading/byte-window.ts'
import { emptyFound, type Splitter } from './splitter.ts'

/** The whole input is one record. An empty one gives none. */
export class WholeSplitter implements Splitter {
  readonly found = emptyFound('')
  readonly takesOpenRecords = true
  #skimmed = false

  find(window: ByteWindow): boolean {
    if (!window.ended || (window.length === 0 && !this.#skimmed)) return false
    const { found } = this
    found.kind = 'record'
    found.start = window.start
    found.end = window.bytes.length
    found.next = found.end
    found.isOpen = true
    this.#skimmed = false
    return true
  }

  skim(): void {}

  forget(): number {
    this.#skimmed = true
    return 0
  }
}
