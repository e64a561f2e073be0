type Environment = Readonly<Record<string, string | undefined>>

/**
 * The `OTEL_*` variables of a process as typed values. By the rules of OpenTelemetry an empty value is
 * none, and one that is not understood is ignored with a warning: telemetry never keeps a run from its work.
 */
export class OtelVariables {
  readonly warnings: string[] = []
  readonly #env: Environment

  constructor(env: Environment) {
    this.#env = env
  }

  /** null where it is not set. */
  text(name: string): string | null {
    const text = this.#env[name]?.trim() ?? ''
    return text === '' ? null : text
  }

  /** Of the first that is set. */
  firstText(names: readonly string[]): { readonly name: string; readonly text: string } | null {
    for (const name of names) {
      const text = this.text(name)
      if (text !== null) return { name, text }
    }
    return null
  }

  isTrue(...names: readonly string[]): boolean {
    const found = this.firstText(names)
    if (found === null) return false
    const { name, text } = found
    const isTrue = text.toLowerCase() === 'true'
    if (!isTrue && text.toLowerCase() !== 'false') this.#ignored(name, 'is neither true nor false')
    return isTrue
  }

  /** A whole number within limits; of times in ms. */
  integer(names: readonly string[], { fallback, min, max }: IntegerRange): number {
    const found = this.firstText(names)
    if (found === null) return fallback
    const value = /^\d{1,15}$/.test(found.text) ? Number(found.text) : Number.NaN
    if (value >= min && value <= max) return value
    this.#ignored(found.name, `is no whole number from ${min} to ${max}; ${fallback} is taken`)
    return fallback
  }

  choice<Name extends string, None extends Name | null>(
    names: readonly string[],
    choices: readonly Name[],
    fallback: None,
  ): Name | None {
    const found = this.firstText(names)
    if (found === null) return fallback
    const chosen = choices.find((choice) => choice === found.text.toLowerCase())
    if (chosen !== undefined) return chosen
    this.#ignored(found.name, `"${found.text}" is none of ${choices.join(', ')}`)
    return fallback
  }

  /** Names divided by commas; null where it is not set. */
  choices<Name extends string>(name: string, choices: readonly Name[]): readonly Name[] | null {
    const text = this.text(name)
    if (text === null) return null
    const names = text.split(',').map((part) => part.trim().toLowerCase())
    for (const unknown of names.filter((each) => !choices.includes(each as Name)))
      this.#ignored(name, `"${unknown}" is none of ${choices.join(', ')}`)
    return choices.filter((choice) => names.includes(choice))
  }

  /**
   * `name=value,name=value` with percent-encoded values, as W3C baggage has them. Values may be secrets:
   * no warning shows one. One that cannot be read voids all of them, as OpenTelemetry has it.
   */
  pairs(names: readonly string[]): ReadonlyMap<string, string> {
    const found = this.firstText(names)
    const pairs = new Map<string, string>()
    if (found === null) return pairs
    for (const part of found.text.split(',').filter((each) => each.trim() !== '')) {
      const pair = pairOf(part)
      if (pair === null) {
        this.#ignored(found.name, 'is no list of name=value,name=value with percent-encoded values')
        return new Map()
      }
      pairs.set(...pair)
    }
    return pairs
  }

  /** What is wrong with a value that was read by itself. */
  warn(name: string, problem: string): void {
    this.#ignored(name, problem)
  }

  #ignored(name: string, problem: string): void {
    this.warnings.push(`the variable ${name} ${problem}; it is ignored`)
  }
}

export interface IntegerRange {
  readonly fallback: number
  readonly min: number
  readonly max: number
}

/** Names as those of HTTP headers and of resource attributes; without white space and separators. */
const namePattern = /^[A-Za-z0-9!#$%&'*+.^_`|~/-]{1,255}$/

function pairOf(part: string): [string, string] | null {
  const at = part.indexOf('=')
  const name = part.slice(0, Math.max(0, at)).trim()
  if (!namePattern.test(name)) return null
  try {
    const value = decodeURIComponent(part.slice(at + 1).trim())
    return /[\0\r\n]/.test(value) ? null : [name, value]
  } catch {
    return null
  }
}
