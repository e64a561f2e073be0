import { StringDecoder } from 'node:string_decoder'
import type { Clock } from '../../core/clock.ts'
import { TokenBucket } from '../../core/token-bucket.ts'

/** Of a longer line the rest is left out. */
const maxLineChars = 2_000
const maxLinesPerSecond = 20
const maxLinesAtOnce = 100

/** What a process writes to stderr, line by line: no more than a log can take. */
export class ErrorLines {
  readonly #tell: (line: string) => void
  readonly #clock: Clock
  readonly #decoder = new StringDecoder('utf8')
  readonly #bucket = new TokenBucket({ perSecond: maxLinesPerSecond, burst: maxLinesAtOnce })
  #begun = ''
  #leftOut = 0

  constructor(clock: Clock, tell: (line: string) => void) {
    this.#clock = clock
    this.#tell = tell
  }

  take(chunk: Buffer): void {
    const lines = this.#decoder.write(chunk).split('\n')
    for (const [index, text] of lines.entries()) {
      if (this.#begun.length < maxLineChars)
        this.#begun += text.slice(0, maxLineChars - this.#begun.length)
      if (index < lines.length - 1) this.#end()
    }
  }

  /** What is left when there is no more. */
  end(): void {
    if (this.#begun !== '') this.#end()
    this.#tellLeftOut()
  }

  #end(): void {
    const line = this.#begun.trimEnd()
    this.#begun = ''
    if (line === '') return
    if (this.#bucket.available(this.#clock.monotonicUs()) < 1) {
      this.#leftOut += 1
      return
    }
    this.#bucket.take(1)
    this.#tellLeftOut()
    this.#tell(line)
  }

  #tellLeftOut(): void {
    if (this.#leftOut > 0) this.#tell(`(${this.#leftOut} lines left out)`)
    this.#leftOut = 0
  }
}
