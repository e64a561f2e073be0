import { PipelineError } from '../../core/errors.ts'

// oxlint-disable-next-line no-control-regex -- the characters that JSON text must escape
const needsEscape = /[\u0000-\u001f"\\]/

/** Column names, made ready to write rows as JSON objects of strings. */
export class CsvColumns {
  readonly names: readonly string[]
  /** `{"a":`, `,"b":` ... as text: so that a name such as `__proto__` is never a property of ours. */
  readonly #prefixes: readonly string[]

  /** @throws PipelineError CONFIG_FILE when two columns have the same name. */
  constructor(names: readonly string[], path: string) {
    const seen = new Set<string>()
    for (const name of names) {
      if (seen.has(name)) {
        const message = `${path}: two columns are named ${JSON.stringify(name)}; rename one, or set header: false and list columns`
        throw new PipelineError('CONFIG_FILE', message)
      }
      seen.add(name)
    }
    this.names = names
    this.#prefixes = names.map(
      (name, index) => `${index === 0 ? '{' : ','}${JSON.stringify(name)}:`,
    )
  }

  /** @param fields as many as there are columns. */
  toJson(fields: readonly string[]): string {
    let text = ''
    for (let index = 0; index < fields.length; index++) {
      const field = fields[index]!
      text +=
        this.#prefixes[index]! + (needsEscape.test(field) ? JSON.stringify(field) : `"${field}"`)
    }
    return `${text}}`
  }
}
