import { encodeJson, type JsonValue } from '../../core/json.ts'

const placeholder = /%(?:%|(0?)(\d{1,2})?(?:\.(\d{1,2}))?([dfs]))/g

/** Writes one value at a placeholder such as `%07d`, `%.2f` or `%s`. */
type Print = (value: JsonValue) => string

/** A text with placeholders, taken apart once. */
export class PrintFormat {
  readonly #literals: string[] = []
  readonly #prints: Print[] = []
  #isPlain = true

  /** @throws Error when the text has a `%` that is no placeholder. */
  constructor(text: string) {
    let literal = ''
    let end = 0
    for (const match of text.matchAll(placeholder)) {
      literal += requirePlain(text.slice(end, match.index))
      end = match.index + match[0].length
      if (match[0] === '%%') literal += '%'
      else {
        this.#literals.push(literal)
        this.#prints.push(printFor(match))
        if (match[4] === 's') this.#isPlain = false
        literal = ''
      }
    }
    this.#literals.push(literal + requirePlain(text.slice(end)))
    const literals = this.#literals.join('')
    if (JSON.stringify(literals).length > literals.length + 2) this.#isPlain = false
  }

  /** Whether JSON needs no escapes in what it prints. */
  get isPlain(): boolean {
    return this.#isPlain
  }

  /** How many values it takes. */
  get count(): number {
    return this.#prints.length
  }

  printOne(value: JsonValue): string {
    return this.#literals[0]! + this.#prints[0]!(value) + this.#literals[1]!
  }

  print(values: readonly JsonValue[]): string {
    let text = this.#literals[0]!
    for (let index = 0; index < this.#prints.length; index++) {
      text += this.#prints[index]!(values[index] ?? null) + this.#literals[index + 1]!
    }
    return text
  }
}

function requirePlain(text: string): string {
  if (!text.includes('%')) return text
  throw new Error('after a % comes d, s, f (%07d, %.2f), or another %')
}

function printFor([, zero, width, decimals, kind]: RegExpExecArray): Print {
  const columns = Number(width ?? 0)
  const pad = zero === '0' ? '0' : ' '
  const padded = (text: string): string =>
    text.length < columns ? text.padStart(columns, pad) : text
  if (kind === 's') return (value) => padded(typeof value === 'string' ? value : encodeJson(value))
  if (kind === 'f') return (value) => padded(Number(value).toFixed(Number(decimals ?? 6)))
  return (value) => padded(String(Math.trunc(Number(value))))
}
