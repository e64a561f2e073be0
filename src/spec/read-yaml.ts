import { Composer, Lexer, Parser, CST, type Document, type YAMLError } from 'yaml'
import type { Findings } from './findings.ts'
import { quoteHint } from './quote-hint.ts'

/** Limits of a pipeline file; they are checked before anything is built from its text. */
export const yamlLimits = {
  maxBytes: 1_000_000,
  maxDepth: 64,
  /** Words, marks and line ends; a file of 8,000 lines has about 50,000. */
  maxTokens: 50_000,
} as const

/**
 * Reads the text of a pipeline file as one YAML 1.2 document. The first problem ends the reading, as
 * everything behind it may be misread.
 * @throws ConfigErrors
 */
export function readYaml(text: string, findings: Findings): Document.Parsed {
  checkText(text, findings)
  const tokens = tokenize(text, findings)
  const composer = new Composer({
    schema: 'core',
    version: '1.2',
    merge: false,
    // Found by `buildNodes` with all places, and without comparing each key with each other.
    uniqueKeys: false,
  })
  const documents = [...composer.compose(tokens, true, text.length)]
  const [document, second] = documents
  const warnings = document?.warnings.filter(({ code }) => code !== 'TAG_RESOLVE_FAILED') ?? []
  reportProblem([...(document?.errors ?? []), ...warnings], text, findings)
  if (second !== undefined) {
    findings.atOffset(second.range[0], {
      code: 'CONFIG_YAML',
      message: 'the file holds more than one document; a pipeline file is one',
      hint: 'put each pipeline in a file of its own, and remove the line "---"',
    })
    findings.throwIfAny()
  }
  if (document === undefined || document.contents === null) {
    findings.atOffset(0, {
      code: 'CONFIG_YAML',
      message: 'the file is empty; a pipeline file begins with "pipeline: NAME" and has "stages:"',
    })
    findings.throwIfAny()
  }
  return document!
}

/** Control characters, and what stands in place of bytes that are no UTF-8. */
const binary = /[^\t\n\r\x20-\x7E\x80-\uFFFC\uFFFE\uFFFF]/

function checkText(text: string, findings: Findings): void {
  const bytes = Buffer.byteLength(text)
  if (bytes > yamlLimits.maxBytes) {
    findings.atOffset(0, {
      code: 'CONFIG_UNREADABLE',
      message: `the file has ${bytes} bytes; a pipeline file has at most ${yamlLimits.maxBytes} (1 MB)`,
    })
    findings.throwIfAny()
  }
  const found = binary.exec(text)
  if (found !== null) {
    const code = found[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')
    findings.atOffset(found.index, {
      code: 'CONFIG_YAML',
      message: `the file is no UTF-8 text: it holds the character U+${code}`,
      hint: 'in a double-quoted text, control characters are written as escapes, such as "\\x1b"',
    })
    findings.throwIfAny()
  }
}

/**
 * The concrete syntax; what nests too deep or is too long is refused while it is being read. Tags are
 * reported here, where each has a place, and reading goes on.
 */
function tokenize(text: string, findings: Findings): CST.Token[] {
  const parser = new Parser()
  const tokens: CST.Token[] = []
  let count = 0
  const refuse = (offset: number, message: string): void => {
    findings.atOffset(offset, { code: 'CONFIG_YAML', message })
    findings.throwIfAny()
  }
  let isScalar = false
  for (const lexeme of new Lexer().lex(text)) {
    const start = parser.offset
    const type = isScalar ? 'scalar' : CST.tokenType(lexeme)
    isScalar = lexeme === CST.SCALAR
    for (const token of parser.next(lexeme)) tokens.push(token)
    count += 1
    if (type === 'tag') reportTag(start, text, findings)
    if (type === 'directive-line') {
      refuse(start, `the directive "${lexeme.trim()}" is not allowed; remove the line`)
    }
    if (count > yamlLimits.maxTokens) {
      refuse(start, `the file has more than ${yamlLimits.maxTokens} words and marks`)
    }
    if (parser.stack.length > yamlLimits.maxDepth) {
      refuse(start, `the file nests deeper than ${yamlLimits.maxDepth} levels`)
    }
  }
  for (const token of parser.end()) tokens.push(token)
  return tokens
}

const maxShown = 80

function reportTag(offset: number, text: string, findings: Findings): void {
  const tag = /^\S*/.exec(text.slice(offset, offset + maxShown))?.[0] ?? ''
  findings.atOffset(offset, {
    code: 'CONFIG_YAML',
    message: `"${tag}" is read as a YAML tag, and tags are not allowed`,
    hint: quoteHint(text, offset),
  })
}

const messages: Readonly<Partial<Record<YAMLError['code'], string>>> = {
  BLOCK_AS_IMPLICIT_KEY: 'a second ": " on the line; text that holds one has to be quoted',
  BLOCK_IN_FLOW: 'a "? " inside { } or [ ]; text that holds one has to be quoted',
  TAB_AS_INDENT: 'a tab at the start of the line; YAML is indented with spaces',
  MULTILINE_IMPLICIT_KEY:
    'this line has a value, but the next one is indented as if it belonged to it',
  UNEXPECTED_TOKEN:
    'more text behind a value that has ended; text that begins like this has to be quoted',
}

/** For messages that share a code with others. */
const wordings: readonly (readonly [RegExp, string])[] = [
  [/^Flow (?:map|sequence) in block/, 'a "{" or "[" before this is not closed'],
  [
    /^Sequence item without -/,
    'this line is indented neither as an item ("- ") nor as a part of one',
  ],
  [/^All mapping items must start/, 'this line is indented differently from the settings above it'],
  [/^Implicit map keys need/, 'a setting is "NAME: VALUE", but this line has no ": "'],
]

const quotable: readonly YAMLError['code'][] = [
  'BLOCK_AS_IMPLICIT_KEY',
  'BLOCK_IN_FLOW',
  'BAD_SCALAR_START',
  'UNEXPECTED_TOKEN',
]

/** Only the first: what follows it may be misread. */
function reportProblem(problems: readonly YAMLError[], text: string, findings: Findings): void {
  const [first] = problems
  if (first === undefined) return
  const [offset] = first.pos
  // A line indented too deep is told twice, first as a second ": ".
  const { code, message } =
    problems.find((other) => {
      return other.code === 'MULTILINE_IMPLICIT_KEY' && other.pos[0] === offset
    }) ?? first
  const hint = quotable.includes(code) ? quoteHint(text, offset) : undefined
  const said = wordings.find(([pattern]) => pattern.test(message))?.[1] ?? messages[code]
  findings.atOffset(offset, { code: 'CONFIG_YAML', message: said ?? lowerFirst(message), hint })
  findings.throwIfAny()
}

function lowerFirst(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1)
}
