import { type CliEnvironment, say } from './cli-environment.ts'
import { showCount, showDuration, showRate } from './show-amount.ts'
import { StatusArea } from './status-area.ts'

/** Of a terminal: more often nobody can read it. */
const redrawUs = 100_000
const lineUs = 10_000_000
const barCells = 24

/** How far a replay is: a bar on a terminal, else a line now and then. */
export class ReplayProgress {
  readonly #environment: CliEnvironment
  readonly #area: StatusArea
  readonly #total: number
  readonly #startUs: number
  #toldUs: number

  constructor(environment: CliEnvironment, total: number) {
    this.#environment = environment
    this.#total = total
    this.#area = new StatusArea(environment, { block: environment.screen.isTerminal })
    this.#startUs = environment.clock.monotonicUs()
    this.#toldUs = this.#startUs
  }

  tell(done: number): void {
    const nowUs = this.#environment.clock.monotonicUs()
    if (nowUs - this.#toldUs < (this.#area.hasBlock ? redrawUs : lineUs)) return
    this.#toldUs = nowUs
    const text = progressText({ done, total: this.#total, elapsedUs: nowUs - this.#startUs })
    if (this.#area.hasBlock) this.#area.show([`${barOf(done / this.#total)}  ${text}`])
    else say(this.#environment, text)
  }

  end(): void {
    this.#area.clear()
  }
}

/** `replayed 1,200/12,000  10 %  480/s  ETA 22 s` */
export function progressText(at: { done: number; total: number; elapsedUs: number }): string {
  const { done, total, elapsedUs } = at
  const rate = elapsedUs > 0 ? (done * 1e6) / elapsedUs : 0
  const left = rate > 0 ? `  ETA ${showDuration((1_000 * (total - done)) / rate)}` : ''
  const share = total === 0 ? 100 : Math.floor((100 * done) / total)
  return `replayed ${showCount(done)}/${showCount(total)}  ${share} %  ${showRate(rate)}${left}`
}

function barOf(share: number): string {
  const cells = Math.min(barCells, Math.floor(barCells * share))
  return `[${'#'.repeat(cells)}${'.'.repeat(barCells - cells)}]`
}
