import { stageWith, stepWith } from './load-file.ts'

export interface BrokenFile {
  readonly rule: string
  readonly text: string
  /** Of each finding, in the order of the file: where, which code, and parts of what is said. */
  readonly found: readonly (readonly [place: string, code: string, ...parts: string[]])[]
}

const stage = '    from: a\n    to: b'
const file = (head: string, rest = ''): string => `${head}\nstages:\n  - name: s\n${stage}\n${rest}`
const test = (...lines: readonly string[]): string => {
  return file('pipeline: p', ['tests:', '  - name: t', ...lines.map((line) => `    ${line}`)].join('\n'))
}

/** What YAML reads in another way than it was meant. */
export const brokenYaml: readonly BrokenFile[] = [
  { rule: 'an empty file', text: '', found: [['1:1', 'CONFIG_YAML', 'the file is empty']] },
  { rule: 'a file of comments', text: '# later\n', found: [['1:1', 'CONFIG_YAML', 'the file is empty']] },
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
  { rule: 'a quote that does not end', text: 'pipeline: "p', found: [['1:13', 'CONFIG_YAML', 'missing closing']] },
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
    found: [['6:17', 'CONFIG_YAML', '"!value.bot" is read as a YAML tag', 'quote it: filter: "!value.bot"']],
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
    found: [['6:17', 'CONFIG_YAML', '"*value" is read as a YAML alias', 'quote it: filter: "*value"']],
  },
  {
    rule: 'an anchor that holds itself',
    text: stepWith('set: &a { x: *a }'),
    found: [['6:22', 'CONFIG_YAML', 'hold itself']],
  },
  {
    rule: 'a condition with "? :"',
    text: stepWith('filter: value.a ? value.b : value.c'),
    found: [['6:17', 'CONFIG_YAML', 'a second ": "', 'quote it: filter: "value.a ? value.b : value.c"']],
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
    found: [['6:21', 'CONFIG_YAML', 'a comma ends the text', 'quote it: p95: "percentile(value.amount, 95)"']],
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
]

/** Steps, sources, sinks, listeners and their settings. */
export const brokenComponents: readonly BrokenFile[] = [
  {
    rule: 'a misspelled operator',
    text: stepWith('flter: value.x'),
    found: [['6:9', 'CONFIG_UNKNOWN_OPERATOR', 'no operator is called "flter"; did you mean "filter"?', 'trim']],
  },
  {
    rule: "another tool's operator",
    text: stepWith('mapping: root = this'),
    found: [['6:9', 'CONFIG_UNKNOWN_OPERATOR', 'did you mean', '- set:']],
  },
  {
    rule: 'an operator of later',
    text: stepWith('lookup:', '  table: devices'),
    found: [['6:9', 'CONFIG_INVALID', '"lookup" (of a step) is not supported yet']],
  },
  {
    rule: 'two operators in one step',
    text: stepWith('filter: value.x', 'set:', '  a: 1'),
    found: [['7:9', 'CONFIG_INVALID', '"filter" and "set"', 'begin each on a line of its own']],
  },
  {
    rule: 'something unknown beside an operator',
    text: stepWith('filter: value.x', 'iff: value.y'),
    found: [['7:9', 'CONFIG_UNKNOWN_KEY', '"iff"; did you mean "if"?']],
  },
  {
    rule: 'a step without an operator',
    text: stepWith('id: x'),
    found: [['6:9', 'CONFIG_INVALID', 'a step is named by its key']],
  },
  {
    rule: 'a bare operator that needs a setting',
    text: stepWith('filter'),
    found: [['6:9', 'CONFIG_INVALID', 'the step "filter" needs a setting']],
  },
  {
    rule: 'an operator with nothing behind its colon',
    text: stepWith('filter:'),
    found: [['6:9', 'CONFIG_INVALID', 'the step "filter" needs a setting']],
  },
  {
    rule: 'a map where an expression is needed',
    text: stepWith('filter: { a: 1 }'),
    found: [['6:17', 'CONFIG_INVALID', 'expected an expression, but got a map']],
  },
  {
    rule: 'a text where a list is needed',
    text: stepWith('trim: country'),
    found: [['6:15', 'CONFIG_INVALID', 'expected a list, but got "country"']],
  },
  {
    rule: 'a list without items',
    text: stepWith('trim: []'),
    found: [['6:15', 'CONFIG_INVALID', 'it needs at least 1 item']],
  },
  {
    rule: 'a misspelled word where a map is possible, too',
    text: stepWith('cast:', '  amount: numbr'),
    found: [['7:19', 'CONFIG_INVALID', 'number, integer, timestamp or a map', 'did you mean "number"?']],
  },
  {
    rule: 'a misspelled word in the long form',
    text: stepWith('cast:', '  amount:', '    type: numbr'),
    found: [['8:19', 'CONFIG_INVALID', 'did you mean "number"?']],
  },
  {
    rule: 'a misspelled key, told once although a key is missing, too',
    text: stepWith('cast:', '  amount:', '    typ: number'),
    found: [['8:13', 'CONFIG_UNKNOWN_KEY', '"typ"; did you mean "type"?', 'allowed are type, empty']],
  },
  {
    rule: 'a missing setting',
    text: stepWith('dedupe:', '  within: 5m'),
    found: [['7:11', 'CONFIG_INVALID', '"by" is missing: an expression']],
  },
  {
    rule: 'a duration without a unit',
    text: stepWith('dedupe:', '  by: value.id', '  within: 10'),
    found: [['8:19', 'CONFIG_INVALID', 'expected a text such as 100ms, but got 10']],
  },
  {
    rule: 'a duration in words',
    text: stepWith('dedupe:', '  by: value.id', '  within: ten minutes'),
    found: [['8:19', 'CONFIG_INVALID', '"ten minutes" is not allowed', '250ms']],
  },
  {
    rule: 'an unknown format',
    text: stepWith('parse:', '  format: xml'),
    found: [['7:19', 'CONFIG_INVALID', '"xml" is not allowed here', 'regex or csv']],
  },
  {
    rule: 'a missing format',
    text: stepWith('parse:', '  pattern: x'),
    found: [['7:11', 'CONFIG_INVALID', '"format" is missing: regex or csv']],
  },
  {
    rule: 'a setting of another format',
    text: stepWith('parse:', '  format: csv', '  pattern: x'),
    found: [['8:11', 'CONFIG_UNKNOWN_KEY', '"pattern"', 'allowed are format, delimiter']],
  },
  {
    rule: 'a misspelled setting of a window',
    text: stepWith('aggregate:', '  by: value.x', '  window:', '    tumblng: 10s', '  fields:', '    n: count()'),
    found: [['9:13', 'CONFIG_UNKNOWN_KEY', 'did you mean "tumbling"?']],
  },
  {
    rule: 'a bad field name',
    text: stepWith('set:', '  a.prototype: 1'),
    found: [['7:11', 'CONFIG_INVALID', '"a.prototype" is not allowed as a name here']],
  },
  {
    rule: 'several errors at once, in the order of the file',
    text: stepWith('trim: 1', 'if: []', 'id: A B'),
    found: [
      ['6:15', 'CONFIG_INVALID', 'expected a list, but got 1'],
      ['7:13', 'CONFIG_INVALID', 'expected an expression, but got a list'],
      ['8:13', 'CONFIG_INVALID', '"A B"'],
    ],
  },
  {
    rule: 'a misspelled sink',
    text: stageWith('from: a', 'sink: drp'),
    found: [['5:11', 'CONFIG_UNKNOWN_OPERATOR', 'no sink is called "drp"; did you mean "drop"?']],
  },
  {
    rule: 'a source of later as a sink',
    text: stageWith('from: a', 'sink:', '  postgres: {}'),
    found: [['6:7', 'CONFIG_INVALID', '"postgres" (of a sink) is not supported yet']],
  },
  {
    rule: 'two sinks in one stage',
    text: stageWith('from: a', 'sink:', '  stdout: {}', '  drop: {}'),
    found: [['7:7', 'CONFIG_INVALID', 'a sink has one type', '"stdout" and "drop"']],
  },
  {
    rule: 'a source without a name',
    text: stageWith('source: {}', 'to: b'),
    found: [['4:13', 'CONFIG_INVALID', 'a source is named by its key', 'stdin']],
  },
  {
    rule: 'a number that is too large',
    text: stageWith('source:', '  http:', '    path: /', '    port: 99999', 'to: b'),
    found: [['7:15', 'CONFIG_INVALID', '99999 is not allowed: it has to be at most 65535']],
  },
  {
    rule: 'an unknown listener',
    text: stageWith('from: a', 'to: b', 'hooks:', '  - on: record_failed', '    do:', '      lgo: {}'),
    found: [['9:11', 'CONFIG_UNKNOWN_OPERATOR', 'no listener is called "lgo"; did you mean "log"?']],
  },
  {
    rule: 'no listener',
    text: stageWith('from: a', 'to: b', 'hooks:', '  - on: record_failed', '    do: {}'),
    found: [['8:13', 'CONFIG_INVALID', '"do" names listeners']],
  },
  {
    rule: 'an unknown event',
    text: stageWith('from: a', 'to: b', 'hooks:', '  - on: [record_faild]', '    do: log'),
    found: [['7:14', 'CONFIG_INVALID', 'did you mean "record_failed"?']],
  },
]

/** The file, its stages and its tests. */
export const brokenPipelines: readonly BrokenFile[] = [
  { rule: 'no stages', text: 'pipeline: p', found: [['1:1', 'CONFIG_INVALID', '"stages" is missing']] },
  { rule: 'an empty list of stages', text: 'pipeline: p\nstages: []', found: [['2:9', 'CONFIG_INVALID', 'at least 1 item']] },
  { rule: 'a bad name', text: file('pipeline: My Pipeline'), found: [['1:11', 'CONFIG_INVALID', 'small letters']] },
  { rule: 'a misspelled key', text: file('pipelin: p'), found: [['1:1', 'CONFIG_UNKNOWN_KEY', 'did you mean "pipeline"?']] },
  { rule: 'input at the top', text: file('pipeline: p\ninput: {}'), found: [['2:1', 'CONFIG_UNKNOWN_KEY', 'did you mean', 'source: { TYPE: ... }']] },
  { rule: 'output at the top', text: file('pipeline: p\noutput: {}'), found: [['2:1', 'CONFIG_UNKNOWN_KEY', 'did you mean', 'sink: { TYPE: ... }']] },
  { rule: 'a map of sources', text: file('pipeline: p\nsources: {}'), found: [['2:1', 'CONFIG_UNKNOWN_KEY', 'there is no map of sources']] },
  { rule: 'a map of sinks', text: file('pipeline: p\nsinks: {}'), found: [['2:1', 'CONFIG_UNKNOWN_KEY', 'there is no map of sinks']] },
  { rule: 'processors in a stage', text: stageWith('from: a', 'to: b', 'processors: []'), found: [['6:5', 'CONFIG_UNKNOWN_KEY', '"steps:"']] },
  { rule: 'transforms in a stage', text: stageWith('from: a', 'to: b', 'transforms: []'), found: [['6:5', 'CONFIG_UNKNOWN_KEY', '"steps:"']] },
  { rule: 'mapping in a stage', text: stageWith('from: a', 'to: b', 'mapping: x'), found: [['6:5', 'CONFIG_UNKNOWN_KEY', '- set:']] },
  { rule: 'a window beside steps', text: stageWith('from: a', 'to: b', 'window: 10s'), found: [['6:5', 'CONFIG_UNKNOWN_KEY', '- aggregate:']] },
  { rule: 'tables', text: file('pipeline: p\ntables: {}'), found: [['2:1', 'CONFIG_INVALID', '"tables"', 'not supported yet']] },
  { rule: 'connections', text: file('pipeline: p\nconnections: {}'), found: [['2:1', 'CONFIG_INVALID', 'not supported yet']] },
  { rule: 'delivery', text: stageWith('from: a', 'to: b', 'delivery: exactly_once'), found: [['6:5', 'CONFIG_INVALID', 'not supported yet']] },
  { rule: 'delivery among the defaults', text: file('pipeline: p\ndefaults: { delivery: exactly_once }'), found: [['2:13', 'CONFIG_INVALID', 'not supported yet']] },
  { rule: 'concurrency', text: stageWith('from: a', 'to: b', 'concurrency: 4'), found: [['6:5', 'CONFIG_INVALID', 'not supported yet']] },
  { rule: 'several outputs', text: stageWith('from: a', 'to: { x: b }'), found: [['5:9', 'CONFIG_INVALID', 'not supported yet', 'to: TOPIC']] },
  { rule: 'compaction', text: file('pipeline: p\ntopics:\n  a: { cleanup: compact }'), found: [['3:17', 'CONFIG_INVALID', '"cleanup: compact" is not supported yet']] },
  { rule: 'a reliable hook', text: stageWith('from: a', 'to: b', 'hooks:', '  - on: record_failed', '    reliable: true', '    do: log'), found: [['8:9', 'CONFIG_INVALID', 'not supported yet']] },
  { rule: 'a topic name that Kafka refuses', text: file('pipeline: p\ntopics:\n  a b: {}'), found: [['3:3', 'CONFIG_INVALID', 'the name of a topic']] },
  { rule: 'a topic called ".."', text: stageWith('from: ..', 'to: b'), found: [['4:11', 'CONFIG_INVALID', 'the name of a topic']] },
  { rule: 'a topic without partitions', text: file('pipeline: p\ntopics:\n  a: { partitions: 0 }'), found: [['3:20', 'CONFIG_INVALID', 'at least 1']] },
  { rule: 'another log', text: file('pipeline: p\nlog: redis://x'), found: [['2:6', 'CONFIG_INVALID', '"embedded"']] },
  { rule: 'a misspelled stage setting', text: stageWith('from: a', 'to: b', 'on_eror: skip'), found: [['6:5', 'CONFIG_UNKNOWN_KEY', 'did you mean "on_error"?', 'event_time']] },
  { rule: 'from and source', text: stageWith('from: a', 'source: stdin', 'to: b'), found: [['4:5', 'CONFIG_INVALID', 'both "from" and "source"']] },
  { rule: 'neither from nor source', text: stageWith('to: b'), found: [['3:5', 'CONFIG_INVALID', 'reads nothing']] },
  { rule: 'nothing to do', text: stageWith('from: a'), found: [['3:5', 'CONFIG_INVALID', 'does nothing']] },
  { rule: 'to and sink', text: stageWith('from: a', 'to: b', 'sink: drop'), found: [['5:5', 'CONFIG_INVALID', 'both "to" and "sink"']] },
  { rule: 'two stages of one name', text: file('pipeline: p', `  - name: s\n${stage}`), found: [['6:11', 'CONFIG_INVALID', 'stages[0] has the name "s" already']] },
  {
    rule: 'two steps of one id',
    text: stageWith('from: a', 'steps:', '  - filter: value.x', '  - filter: value.y', '    id: filter', 'to: b'),
    found: [['8:13', 'CONFIG_INVALID', 'the id "filter"']],
  },
  {
    rule: 'two aggregates in one stage',
    text: stageWith(
      'from: a', 'steps:',
      '  - aggregate:', '      by: value.x', '      fields: {}',
      '  - aggregate:', '      by: value.y', '      fields: {}',
    ),
    found: [['9:9', 'CONFIG_INVALID', 'two aggregates']],
  },
  { rule: 'a first pause longer than the longest', text: stageWith('from: a', 'to: b', 'retry:', '  backoff: { initial: 1m }'), found: [['6:5', 'CONFIG_INVALID', '60000 ms']] },
  { rule: 'an unset variable', text: stageWith('from: a', 'to: out-${STAGE_NAME}'), found: [['5:13', 'CONFIG_VARIABLE', 'STAGE_NAME is not set', '${STAGE_NAME:-DEFAULT}']] },
  { rule: 'an unset secret', text: stageWith('from: a', 'to: b', 'key: ${secret:SALT}'), found: [['6:10', 'CONFIG_VARIABLE', 'the secret SALT is not set']] },
  { rule: 'a secret with a bad name', text: stageWith('from: a', 'to: b', 'key: ${secret:salt}'), found: [['6:10', 'CONFIG_VARIABLE', '"salt" is no name of a secret']] },
  { rule: 'a default in the wrong form', text: stageWith('from: a', 'to: b', 'key: ${NAME:x}'), found: [['6:10', 'CONFIG_VARIABLE', '${NAME:-x}']] },
  { rule: 'a variable of the wrong type', text: stageWith('source:', '  http:', '    path: /', '    port: ${PORT:-high}', 'to: b'), found: [['7:15', 'CONFIG_VARIABLE', 'expected a number, but got "high"']] },
  { rule: 'a test that fails peers', text: test('steps:', '  - fail: { s: [503] }'), found: [['9:9', 'CONFIG_INVALID', 'not supported yet']] },
  { rule: 'a test with stubs', text: test('stub: {}', 'steps:', '  - restart'), found: [['8:5', 'CONFIG_INVALID', 'not supported yet']] },
  { rule: 'a misspelled test step', text: test('steps:', '  - expct: { b: [] }'), found: [['9:9', 'CONFIG_UNKNOWN_OPERATOR', 'did you mean "expect"?']] },
  { rule: 'a test that sends to an unknown topic', text: test('steps:', '  - send: { aa: [1] }'), found: [['9:17', 'CONFIG_INVALID', 'nothing here is called "aa"; did you mean "a"?']] },
  { rule: 'a test that expects of an unknown sink', text: test('steps:', '  - expect: { shwo: [] }'), found: [['9:19', 'CONFIG_INVALID', '"shwo"', 'record_failed']] },
  { rule: 'a misspelled form of a record', text: test('steps:', '  - send: { a: [{ $recrd: {} }] }'), found: [['9:21', 'CONFIG_INVALID', 'did you mean "$record"?']] },
  { rule: 'a clock that is no time', text: test('clock: noon', 'steps:', '  - restart'), found: [['8:12', 'CONFIG_INVALID', '2026-01-01T00:00:00Z']] },
]
