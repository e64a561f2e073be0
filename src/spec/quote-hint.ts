const maxLine = 300
const keyBefore = /(?:^|[\s{,])([\w.$-]+):[ \t]+(?=\S)/g

/**
 * `quote it: filter: "!value.bot"`, for the setting around an offset: YAML reads `!`, `*`, `&`, `: `,
 * ` #` and a leading quote in its own way, and what was meant is nearly always a text. Undefined where
 * nothing can be said.
 */
export function quoteHint(text: string, offset: number): string | undefined {
  const lineStart = text.lastIndexOf('\n', offset - 1) + 1
  const lineEnd = text.indexOf('\n', offset)
  const line = text.slice(lineStart, lineEnd === -1 ? undefined : lineEnd).trimEnd()
  if (line.length > maxLine) return undefined
  let name: string | null = null
  let start = line.length - line.trimStart().replace(/^(?:- )+\s*/, '').length
  for (const match of line.matchAll(keyBefore)) {
    const valueStart = match.index + match[0].length
    if (lineStart + valueStart > Math.max(offset, lineStart + start) && name !== null) break
    name = match[1]!
    start = valueStart
    if (lineStart + start >= offset) break
  }
  const isFlow = /[{[]/.test(line.slice(0, start))
  const value = isFlow ? flowText(line, start) : line.slice(start)
  if (value === '' || /^[|>[{]/.test(value)) return undefined
  return `quote it: ${name === null ? '' : `${name}: `}${quoted(value)}`
}

/** The text of a value inside `{ }` or `[ ]`, with the commas that stand inside its parentheses. */
export function flowText(text: string, start: number): string {
  let depth = 0
  let at = start
  for (; at < text.length; at++) {
    const char = text[at]!
    if (char === '\n') break
    if ('([{'.includes(char)) depth += 1
    else if (char === ')' || (')]}'.includes(char) && depth > 0)) depth -= 1
    else if (depth <= 0 && (char === ',' || char === '}' || char === ']')) break
  }
  return text.slice(start, at).trimEnd()
}

/** As a quoted YAML text: in double quotes where that needs no escapes. */
export function quoted(value: string): string {
  if (!/["\\]/.test(value)) return `"${value}"`
  return `'${value.replaceAll("'", "''")}'`
}
