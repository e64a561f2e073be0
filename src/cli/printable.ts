/** Control characters except tab and line feed, and those that turn the direction of text. */
const unprintable = /[^\P{Cc}\t\n]|[\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

/** Text from outside, for a terminal, which it must not redraw: control characters become `\u001b`. */
export function printable(text: string): string {
  return text.replaceAll(unprintable, escaped)
}

/** As `printable`, on one line. */
export function printableLine(text: string): string {
  return printable(text).replaceAll('\n', '\\n').replaceAll('\t', '\\t')
}

function escaped(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
}
