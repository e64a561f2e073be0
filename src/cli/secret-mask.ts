const shown = '***'

/**
 * Keeps secrets out of everything that is written for people. Values are added as they are read, and
 * are looked for as they are, inside JSON text and inside URLs.
 */
export class SecretMask {
  readonly #values = new Set<string>()
  /** Longest first, so that no part of a longer form is left behind a shorter one. */
  #forms: readonly string[] = []

  add(value: string): void {
    if (value === '' || this.#values.has(value)) return
    this.#values.add(value)
    const forms = [...this.#values].flatMap(formsOf)
    this.#forms = [...new Set(forms)].toSorted((left, right) => right.length - left.length)
  }

  readonly text = (text: string): string => {
    let masked = text
    for (const form of this.#forms) masked = masked.replaceAll(form, shown)
    return masked
  }

  /** A copy with all texts masked, names of fields as well. */
  json<Value>(value: Value): Value {
    return this.#forms.length === 0 ? value : (this.#copy(value) as Value)
  }

  #copy(value: unknown): unknown {
    if (typeof value === 'string') return this.text(value)
    if (Array.isArray(value)) return value.map((item) => this.#copy(item))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [this.text(name), this.#copy(item)]),
    )
  }
}

function formsOf(value: string): string[] {
  const lines = value.split(/\r?\n/).filter((line) => line.trim() !== '')
  return [value, ...lines].flatMap((text) => [
    text,
    JSON.stringify(text).slice(1, -1),
    encodeUrl(text),
  ])
}

/** A lone half of a character has no form in a URL. */
function encodeUrl(text: string): string {
  return encodeURIComponent(text.toWellFormed())
}
