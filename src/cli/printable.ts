// Control characters, and those that turn the direction of text: they could redraw the terminal.
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const unprintable = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g
// oxlint-disable-next-line no-control-regex -- see above
const lineBreaks = /[\u0009\u000a]/g

/** Text from outside, for a terminal: control characters are written out as `\u001b`. */
export function printable(text: string): string {
  return text.replaceAll(unprintable, escaped)
}

/** As `printable`, on one line. */
export function printableLine(text: string): string {
  return printable(text).replaceAll(lineBreaks, (char) => (char === '\n' ? '\\n' : '\\t'))
}

function escaped(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
}
