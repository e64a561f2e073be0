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

  /** Replaces the block. Lines are cut to the width of the terminal: a wrapped one could not be erased. */
  show(lines: readonly string[]): void {
    if (!this.hasBlock) return
    const { stderr, mask, screen } = this.#environment
    const erasing = this.#erasing()
    this.#block = lines.map((line) => printableLine(mask.text(line)).slice(0, screen.columns() - 1))
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
