import type { BrokenFile } from './broken-file.ts'
import { stageWith, stepWith } from './load-file.ts'

const stage = '    from: a\n    to: b'
const file = (head: string, rest = ''): string => `${head}\nstages:\n  - name: s\n${stage}\n${rest}`
const test = (...lines: readonly string[]): string => {
  return file(
    'pipeline: p',
    ['tests:', '  - name: t', ...lines.map((line) => `    ${line}`)].join('\n'),
  )
}

/** What YAML reads in another way than it was meant. */
export const brokenYaml: readonly BrokenFile[] = [
  { rule: 'an empty file', text: '', found: [['1:1', 'CONFIG_YAML', 'the file is empty']] },
  {
    rule: 'a file of comments',
    text: '# later\n',
    found: [['1:1', 'CONFIG_YAML', 'the file is empty']],
  },
  { rule: 'a list', text: '- a\n- b', found: [['1:1', 'CONFIG_INVALID', 'this is a list']] },
  { rule: 'plain text', text: 'hello', found: [['1:1', 'CONFIG_INVALID', 'this is "hello"']] },
  {
    rule: 'a directive, which could turn YAML 1.1 on',
    text: '%YAML 1.1\n---\npipeline: p',
    found: [['1:1', 'CONFIG_YAML', '%YAML 1.1', 'remove the line']],
  },
  {
    rule: 'two documents',
    text: 'pipeline: p\n---\npipeline: q\n',
    found: [['2:1', 'CONFIG_YAML', 'more than one document', 'a file of its own']],
  },
  {
    rule: 'a tab at the start of a line',
    text: 'pipeline: p\nstages:\n\t- name: s',
    found: [['3:1', 'CONFIG_YAML', 'tab', 'spaces']],
  },
  {
    rule: 'a list that does not end; only the first error is told',
    text: 'pipeline: [\nstages: ]]\nx',
    found: [['2:1', 'CONFIG_YAML', 'is not closed']],
  },
  {
    rule: 'a quote that does not end',
    text: 'pipeline: "p',
    found: [['1:13', 'CONFIG_YAML', 'missing closing']],
  },
  {
    rule: 'a line indented too deep',
    text: 'pipeline: p\n  stages: []',
    found: [['1:11', 'CONFIG_YAML', 'the next one is indented']],
  },
  {
    rule: 'a key that is there twice',
    text: file('pipeline: p\npipeline: q'),
    found: [['2:1', 'CONFIG_YAML', '"pipeline" is there twice, first on line 1']],
  },
  {
    rule: 'a key that is there twice in a flow map',
    text: stepWith('set: { a: 1, a: 2 }'),
    found: [['6:22', 'CONFIG_YAML', '"a" is there twice']],
  },
  {
    rule: 'a merge key',
    text: 'x-s: &s\n  from: a\npipeline: p\nstages:\n  - <<: *s\n    name: s\n    to: b',
    found: [['5:5', 'CONFIG_YAML', 'merge keys']],
  },
  {
    rule: 'a "!" read as a tag',
    text: stepWith('filter: !value.bot'),
    found: [
      [
        '6:17',
        'CONFIG_YAML',
        '"!value.bot" is read as a YAML tag',
        'quote it: filter: "!value.bot"',
      ],
    ],
  },
  {
    rule: 'a "!" read as a tag, and an anchor behind it',
    text: stepWith('filter: !value.bot && value.x > 1'),
    found: [['6:17', 'CONFIG_YAML', 'quote it: filter: "!value.bot && value.x > 1"']],
  },
  {
    rule: 'a "!" read as a tag inside { }',
    text: stepWith('{ filter: !value.bot, if: value.x }'),
    found: [['6:19', 'CONFIG_YAML', 'quote it: filter: "!value.bot"']],
  },
  {
    rule: 'a tag that would make code',
    text: stepWith('filter: !!js/function "function () {}"'),
    found: [['6:17', 'CONFIG_YAML', '"!!js/function" is read as a YAML tag']],
  },
  {
    rule: 'a tag that YAML knows',
    text: stepWith('set:', '  a: !!str 5'),
    found: [['7:14', 'CONFIG_YAML', '"!!str"']],
  },
  {
    rule: 'two tags, both told',
    text: stepWith('set:', '  a: !value.a', '  b: !value.b'),
    found: [
      ['7:14', 'CONFIG_YAML', 'quote it: a: "!value.a"'],
      ['8:14', 'CONFIG_YAML', 'quote it: b: "!value.b"'],
    ],
  },
  {
    rule: 'a "*" read as an alias',
    text: stepWith('filter: *value'),
    found: [
      ['6:17', 'CONFIG_YAML', '"*value" is read as a YAML alias', 'quote it: filter: "*value"'],
    ],
  },
  {
    rule: 'an anchor that holds itself',
    text: stepWith('set: &a { x: *a }'),
    found: [['6:22', 'CONFIG_YAML', 'hold itself']],
  },
  {
    rule: 'a condition with "? :"',
    text: stepWith('filter: value.a ? value.b : value.c'),
    found: [
      ['6:17', 'CONFIG_YAML', 'a second ": "', 'quote it: filter: "value.a ? value.b : value.c"'],
    ],
  },
  {
    rule: 'a text that begins with a quote and goes on behind it',
    text: stepWith('filter: "NL" == value.country'),
    found: [['6:22', 'CONFIG_YAML', `quote it: filter: '"NL" == value.country'`]],
  },
  {
    rule: 'a reserved first character',
    text: stepWith('filter: @x'),
    found: [['6:17', 'CONFIG_YAML', 'reserved character @', 'quote it: filter: "@x"']],
  },
  {
    rule: 'a "#" that cuts a text',
    text: stepWith("filter: value.tag == 'a #1'"),
    found: [['6:17', 'CONFIG_YAML', 'begins a comment', `quote it: filter: "value.tag == 'a #1'"`]],
  },
  {
    rule: 'a comma that cuts an expression inside { }',
    text: stepWith('set: { p95: percentile(value.amount, 95) }'),
    found: [
      [
        '6:21',
        'CONFIG_YAML',
        'a comma ends the text',
        'quote it: p95: "percentile(value.amount, 95)"',
      ],
    ],
  },
  {
    rule: 'a comma that cuts an expression inside [ ]',
    text: stepWith('trim: [a, f(b, c)]'),
    found: [['6:19', 'CONFIG_YAML', 'quote it: "f(b, c)"']],
  },
  {
    rule: 'a key without a value inside { }',
    text: stepWith('set: { a: value.x, b }'),
    found: [['6:28', 'CONFIG_YAML', '"b" has no value']],
  },
  {
    rule: 'a key with nothing behind its colon inside { }',
    text: stepWith('set: { a: , b: 1 }'),
    found: [['6:16', 'CONFIG_YAML', '"a" has no value']],
  },
  {
    rule: 'an unquoted variable inside { }',
    text: stageWith('source: { http: { path: /, port: ${PORT} } }', 'to: b'),
    found: [['4:39', 'CONFIG_YAML', 'quote it: port: "${PORT}"']],
  },
  {
    rule: 'the name __proto__',
    text: stepWith('set:', '  __proto__: 1'),
    found: [['7:11', 'CONFIG_YAML', 'the name "__proto__" is not allowed']],
  },
  {
    rule: 'the name constructor',
    text: file('pipeline: p\nconstructor: x'),
    found: [['2:1', 'CONFIG_YAML', 'the name "constructor" is not allowed']],
  },
  {
    rule: 'the name prototype in test data',
    text: test('steps:', '  - send: { a: [{ prototype: 1 }] }'),
    found: [['9:23', 'CONFIG_YAML', 'the name "prototype" is not allowed']],
  },
  {
    rule: 'a map as a key',
    text: stepWith('set:', '  ? [a]', '  : 1'),
    found: [['7:13', 'CONFIG_YAML', 'the name of a setting has to be a text']],
  },
  {
    rule: 'a number that JSON does not have',
    text: stepWith('set:', '  a: .nan'),
    found: [['7:14', 'CONFIG_YAML', '.nan', 'as a text: ".nan"']],
  },
  {
    rule: 'a line that is indented too little',
    text: 'pipeline: p\nstages:\n- name: a\n  from: b\n to: c',
    found: [['5:1', 'CONFIG_YAML', 'indented neither as an item']],
  },
  {
    rule: 'a line without a colon',
    text: 'pipeline: p\nstages\n',
    found: [['2:1', 'CONFIG_YAML', 'this line has no ": "']],
  },
]
