import type { JsonValue } from '../../core/json.ts'
import { createHash } from 'node:crypto'
import { defineFunction, type FunctionDefinition } from '../function-definition.ts'
import { maxListLength, maxStringLength } from '../limits.ts'
import {
  describe,
  fail,
  listIn,
  madeList,
  madeText,
  textIn,
  tooLong,
  tooMany,
  wholeIn,
} from '../values.ts'

/** A function of one text that gives a text. */
function textToText(
  name: string,
  change: (text: string) => string,
): (value: JsonValue) => JsonValue {
  return (value) => {
    const text = textIn(value, name)
    return text === null ? null : madeText(change(text), name)
  }
}

/** A question about two texts; null when either is null. */
function askBoth(
  name: string,
  ask: (text: string, part: string) => JsonValue,
): (value: JsonValue, part: JsonValue) => JsonValue {
  return (value, part) => {
    const text = textIn(value, name)
    const other = textIn(part, name)
    return text === null || other === null ? null : ask(text, other)
  }
}

export const textFunctions: readonly FunctionDefinition[] = [
  defineFunction('upper(text)', {
    summary: 'The text in capital letters.',
    examples: [["upper('nl')", 'NL']],
    call: textToText('upper', (text) => text.toUpperCase()),
  }),
  defineFunction('lower(text)', {
    summary: 'The text in small letters.',
    examples: [["lower('NL')", 'nl']],
    call: textToText('lower', (text) => text.toLowerCase()),
  }),
  defineFunction('trim(text)', {
    summary: 'The text without white space around it.',
    examples: [["trim('  a b ')", 'a b']],
    call: textToText('trim', (text) => text.trim()),
  }),
  defineFunction('length(text_or_list)', {
    summary: 'How many characters a text has (UTF-16 units), or elements a list.',
    examples: [
      ["length('abc')", 3],
      ['length([1, 2])', 2],
    ],
    call: (value: JsonValue) => {
      if (typeof value === 'string' || Array.isArray(value)) return value.length
      return value === null ? null : fail(`length takes a text or list, not ${describe(value)}`)
    },
  }),
  defineFunction('substring(text, start, end?)', {
    summary: 'The characters from `start` up to, not including, `end`; the first is 0.',
    examples: [
      ["substring('millrace', 0, 4)", 'mill'],
      ["substring('millrace', 4)", 'race'],
    ],
    call: (value: JsonValue, start: JsonValue, end: JsonValue = null) => {
      const text = textIn(value, 'substring')
      const from = wholeIn(start, 'substring')
      if (text === null || from === null) return null
      return madeText(text.substring(from, wholeIn(end, 'substring') ?? text.length), 'substring')
    },
  }),
  defineFunction('starts_with(text, part)', {
    summary: 'Whether the text begins with the part.',
    examples: [["starts_with('NL-1234', 'NL')", true]],
    call: askBoth('starts_with', (text, part) => text.startsWith(part)),
  }),
  defineFunction('ends_with(text, part)', {
    summary: 'Whether the text ends with the part.',
    examples: [["ends_with('photo.png', '.png')", true]],
    call: askBoth('ends_with', (text, part) => text.endsWith(part)),
  }),
  defineFunction('join(list, separator?)', {
    summary:
      'The elements of a list as one text; null elements as nothing. The separator is a comma by default.',
    examples: [
      ["join(['a', 'b'], '-')", 'a-b'],
      ['join([1, null, 2])', '1,,2'],
    ],
    call: joinTexts,
  }),
  defineFunction('pad_start(text, length, fill?)', {
    summary: 'The text filled up at its start, with spaces by default.',
    examples: [["pad_start(7, 3, '0')", '007']],
    call: (value: JsonValue, length: JsonValue, fill?: JsonValue) =>
      pad(value, length, { fill, name: 'pad_start' }),
  }),
  defineFunction('pad_end(text, length, fill?)', {
    summary: 'The text filled up at its end, with spaces by default.',
    examples: [["pad_end('a', 3, '.')", 'a..']],
    call: (value: JsonValue, length: JsonValue, fill?: JsonValue) =>
      pad(value, length, { fill, name: 'pad_end' }),
  }),
  defineFunction('repeat(text, count)', {
    summary: 'The text so many times.',
    examples: [["repeat('ab', 3)", 'ababab']],
    call: (value: JsonValue, count: JsonValue) => {
      const text = textIn(value, 'repeat')
      const times = wholeIn(count, 'repeat')
      if (text === null || times === null) return null
      if (times < 0) return fail('repeat takes a count from 0')
      return text.length * times > maxStringLength
        ? tooLong('repeat')
        : madeText(text.repeat(times), 'repeat')
    },
  }),
  defineFunction('sha256(text)', {
    summary: 'The SHA-256 hash of the text (in UTF-8), as 64 hexadecimal digits.',
    examples: [
      ["sha256('abc')", 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    ],
    call: textToText('sha256', (text) => createHash('sha256').update(text).digest('hex')),
  }),
  defineFunction('url_decode(text)', {
    summary: 'The text with %XX as the characters that they stand for, and + as a space.',
    examples: [["url_decode('a%20b+c')", 'a b c']],
    call: textToText('url_decode', decodeUrl),
  }),
  defineFunction('url_encode(text)', {
    summary: 'The text with %XX for what has a meaning of its own in a URL.',
    examples: [["url_encode('a b&c')", 'a%20b%26c']],
    call: textToText('url_encode', (text) => encodeURIComponent(text.toWellFormed())),
  }),
]

function joinTexts(value: JsonValue, separator: JsonValue = ','): JsonValue {
  const list = listIn(value, 'join')
  const between = textIn(separator, 'join')
  if (list === null || between === null) return null
  const texts: string[] = []
  let length = between.length * Math.max(0, list.length - 1)
  for (const item of list) {
    const text = typeof item === 'boolean' ? String(item) : (textIn(item, 'join') ?? '')
    length += text.length
    if (length > maxStringLength) return tooLong('join')
    texts.push(text)
  }
  return madeText(texts.join(between), 'join')
}

function pad(
  value: JsonValue,
  length: JsonValue,
  options: { fill: JsonValue | undefined; name: 'pad_start' | 'pad_end' },
): JsonValue {
  const { fill = ' ', name } = options
  const text = textIn(value, name)
  const width = wholeIn(length, name)
  const filler = textIn(fill, name)
  if (text === null || width === null || filler === null) return null
  if (width > maxStringLength) return tooLong(name)
  return madeText(
    name === 'pad_start' ? text.padStart(width, filler) : text.padEnd(width, filler),
    name,
  )
}

function decodeUrl(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return fail(`url_decode: ${describe(text)} has a broken %XX`)
  }
}

/** Pieces of a text between a plain separator. */
export function splitText(text: string, separator: string): JsonValue {
  const pieces = text.split(separator, maxListLength + 1)
  return pieces.length > maxListLength ? tooMany('split') : madeList(pieces, 'split')
}
