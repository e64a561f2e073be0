import type { CliEnvironment } from './cli-environment.ts'
import { printableLine } from './printable.ts'

/**
 * stderr while pipelines run: lines that stay, and on a terminal below them a block that is redrawn.
 * Everything goes through the mask of secrets.
 */
export class StatusArea {
  readonly #environment: CliEnvironment
  readonly hasBlock: boolean
  #block: readonly string[] = []

  constructor(environment: CliEnvironment, options: { block: boolean }) {
    this.#environment = environment
    this.hasBlock = options.block
  }

  line(text: string): void {
    const { stderr, mask } = this.#environment
    stderr.write(`${this.#erasing()}${mask.text(text)}\n${this.#blockText()}`)
  }

  /** Replaces the block, cut to the size of the terminal: what has wrapped or scrolled cannot be erased. */
  show(lines: readonly string[]): void {
    if (!this.hasBlock) return
    const { stderr, mask, screen } = this.#environment
    const erasing = this.#erasing()
    const { columns, rows } = screen.size()
    const shown = lines.slice(0, Math.max(1, rows - 1))
    this.#block = shown.map((line) => printableLine(mask.text(line)).slice(0, columns - 1))
    stderr.write(erasing + this.#blockText())
  }

  clear(): void {
    if (this.#block.length > 0) this.#environment.stderr.write(this.#erasing())
    this.#block = []
  }

  #erasing(): string {
    return this.#block.length === 0 ? '' : `\u001b[${this.#block.length}A\u001b[J`
  }

  #blockText(): string {
    return this.#block.map((line) => `${line}\n`).join('')
  }
}
