import type { BrokenFile } from './broken-file.ts'
import { stageWith } from './load-file.ts'

const stage = '    from: a\n    to: b'
const file = (head: string, rest = ''): string => `${head}\nstages:\n  - name: s\n${stage}\n${rest}`
const test = (...lines: readonly string[]): string => {
  return file(
    'pipeline: p',
    ['tests:', '  - name: t', ...lines.map((line) => `    ${line}`)].join('\n'),
  )
}

/** The file, its stages and its tests. */
export const brokenPipelines: readonly BrokenFile[] = [
  {
    rule: 'no stages',
    text: 'pipeline: p',
    found: [['1:1', 'CONFIG_INVALID', '"stages" is missing']],
  },
  {
    rule: 'an empty list of stages',
    text: 'pipeline: p\nstages: []',
    found: [['2:9', 'CONFIG_INVALID', 'at least 1 item']],
  },
  {
    rule: 'a bad name',
    text: file('pipeline: My Pipeline'),
    found: [['1:11', 'CONFIG_INVALID', 'small letters']],
  },
  {
    rule: 'a misspelled key',
    text: file('pipelin: p'),
    found: [['1:1', 'CONFIG_UNKNOWN_KEY', 'did you mean "pipeline"?']],
  },
  {
    rule: 'input at the top',
    text: file('pipeline: p\ninput: {}'),
    found: [['2:1', 'CONFIG_UNKNOWN_KEY', 'did you mean', 'source: { TYPE: ... }']],
  },
  {
    rule: 'output at the top',
    text: file('pipeline: p\noutput: {}'),
    found: [['2:1', 'CONFIG_UNKNOWN_KEY', 'did you mean', 'sink: { TYPE: ... }']],
  },
  {
    rule: 'a map of sources',
    text: file('pipeline: p\nsources: {}'),
    found: [['2:1', 'CONFIG_UNKNOWN_KEY', 'there is no map of sources']],
  },
  {
    rule: 'a map of sinks',
    text: file('pipeline: p\nsinks: {}'),
    found: [['2:1', 'CONFIG_UNKNOWN_KEY', 'there is no map of sinks']],
  },
  {
    rule: 'processors in a stage',
    text: stageWith('from: a', 'to: b', 'processors: []'),
    found: [['6:5', 'CONFIG_UNKNOWN_KEY', '"steps:"']],
  },
  {
    rule: 'transforms in a stage',
    text: stageWith('from: a', 'to: b', 'transforms: []'),
    found: [['6:5', 'CONFIG_UNKNOWN_KEY', '"steps:"']],
  },
  {
    rule: 'mapping in a stage',
    text: stageWith('from: a', 'to: b', 'mapping: x'),
    found: [['6:5', 'CONFIG_UNKNOWN_KEY', '- set:']],
  },
  {
    rule: 'a window beside steps',
    text: stageWith('from: a', 'to: b', 'window: 10s'),
    found: [['6:5', 'CONFIG_UNKNOWN_KEY', '- aggregate:']],
  },
  {
    rule: 'a table of a file that is found neither by key nor by range',
    text: file('pipeline: p\ntables: { devices: { file: a.csv } }'),
    found: [['2:20', 'CONFIG_INVALID', 'either `key` or `range`']],
  },
  {
    rule: 'a delivery that cannot be promised',
    text: stageWith('from: a', 'to: b', 'delivery: exactly-once'),
    found: [['6:15', 'CONFIG_INVALID', 'did you mean "exactly_once"?']],
  },
  {
    rule: 'an unknown delivery among the defaults',
    text: file('pipeline: p\ndefaults: { delivery: at_most_once }'),
    found: [['2:23', 'CONFIG_INVALID', 'at_least_once or exactly_once']],
  },
  {
    rule: 'concurrency',
    text: stageWith('from: a', 'to: b', 'concurrency: 0'),
    found: [['6:18', 'CONFIG_INVALID', '1']],
  },
  {
    rule: 'several outputs and no step that chooses',
    text: stageWith('from: a', 'to: { x: b }'),
    found: [['5:5', 'CONFIG_INVALID', 'no step that chooses', '- route:']],
  },
  {
    rule: 'a route without outputs',
    text: stageWith('from: a', 'steps: [{ route: { x: value.a } }]', 'to: b'),
    found: [['5:15', 'CONFIG_INVALID', 'no outputs', 'otherwise: TOPIC']],
  },
  {
    rule: 'a route that is not the last step',
    text: stageWith('from: a', 'steps: [{ route: { x: value.a } }, { trim: [b] }]', 'to: { x: b }'),
    found: [['5:15', 'CONFIG_INVALID', 'last step']],
  },
  {
    rule: 'an encode without a topic',
    text: stageWith('from: a', 'encode: text', 'sink: { stdout: {} }'),
    found: [['5:5', 'CONFIG_INVALID', 'writes no topic']],
  },
  {
    rule: 'an encode that there is not',
    text: stageWith('from: a', 'encode: xml', 'to: b'),
    found: [['5:13', 'CONFIG_INVALID', 'text']],
  },
  {
    rule: 'two routes',
    text: stageWith(
      'from: a',
      'steps: [{ route: { x: value.a } }, { route: { x: value.a } }]',
      'to: { x: b }',
    ),
    found: [['5:42', 'CONFIG_INVALID', 'two steps `route`']],
  },
  {
    rule: 'outputs of a route that do not fit those of the stage',
    text: stageWith('from: a', 'steps: [{ route: { critcal: value.a } }]', 'to: { critical: b }'),
    found: [
      ['5:24', 'CONFIG_INVALID', 'no output "critcal"', 'critical'],
      ['6:11', 'CONFIG_INVALID', 'no condition of `route` chooses', 'critcal'],
    ],
  },
  {
    rule: 'a template without the topics that it may give',
    text: stageWith('from: a', 'to: { template: "x.${value.a}" }'),
    found: [['5:9', 'CONFIG_INVALID', '"allow" is missing']],
  },
  {
    rule: 'outputs without a name of a topic',
    text: stageWith('from: a', 'steps: [{ route: { x: value.a } }]', 'to: { x: "b c" }'),
    found: [['6:14', 'CONFIG_INVALID', 'name of a topic']],
  },
  {
    rule: 'a retention of a compacted topic',
    text: file('pipeline: p\ntopics:\n  a: { cleanup: compact, retention: 1d }'),
    found: [['3:26', 'CONFIG_INVALID', 'leave out "retention"']],
  },
  {
    rule: 'a topic without copies',
    text: file('pipeline: p\ntopics:\n  a: { replication: 0 }'),
    found: [['3:21', 'CONFIG_INVALID', 'at least 1']],
  },
  {
    rule: 'a reliable hook of an event that no commit can hold',
    text: stageWith(
      'from: a',
      'to: b',
      'hooks:',
      '  - on: batch_processed',
      '    reliable: true',
      '    do: log',
    ),
    found: [['7:9', 'CONFIG_INVALID', 'it tells of a commit']],
  },
  {
    rule: 'a queue of a reliable hook',
    text: stageWith(
      'from: a',
      'to: b',
      'hooks:',
      '  - on: record_failed',
      '    reliable: true',
      '    queue: 5',
      '    do: log',
    ),
    found: [['9:9', 'CONFIG_INVALID', 'wait in their topic']],
  },
  {
    rule: 'a rate without a time',
    text: stageWith(
      'from: a',
      'to: b',
      'hooks:',
      '  - on: record_failed',
      '    rate: 10',
      '    do: log',
    ),
    found: [['8:15', 'CONFIG_INVALID', 'rate']],
  },
  {
    rule: 'two hooks of one name',
    text: stageWith(
      'from: a',
      'to: b',
      'hooks:',
      '  - on: record_failed',
      '    id: hook-2',
      '    do: log',
      '  - on: record_failed',
      '    do: log',
    ),
    found: [['10:9', 'CONFIG_INVALID', 'have the id "hook-2"']],
  },
  {
    rule: 'a topic name that Kafka refuses',
    text: file('pipeline: p\ntopics:\n  a b: {}'),
    found: [['3:3', 'CONFIG_INVALID', 'the name of a topic']],
  },
  {
    rule: 'a topic called ".."',
    text: stageWith('from: ..', 'to: b'),
    found: [['4:11', 'CONFIG_INVALID', 'the name of a topic']],
  },
  {
    rule: 'a topic without partitions',
    text: file('pipeline: p\ntopics:\n  a: { partitions: 0 }'),
    found: [['3:20', 'CONFIG_INVALID', 'at least 1']],
  },
  {
    rule: 'another log',
    text: file('pipeline: p\nlog: redis://x'),
    found: [['2:6', 'CONFIG_INVALID', '"embedded"']],
  },
  {
    rule: 'a misspelled stage setting',
    text: stageWith('from: a', 'to: b', 'on_eror: skip'),
    found: [['6:5', 'CONFIG_UNKNOWN_KEY', 'did you mean "on_error"?', 'event_time']],
  },
  {
    rule: 'from and source',
    text: stageWith('from: a', 'source: stdin', 'to: b'),
    found: [['4:5', 'CONFIG_INVALID', 'both "from" and "source"']],
  },
  {
    rule: 'neither from nor source',
    text: stageWith('to: b'),
    found: [['3:5', 'CONFIG_INVALID', 'reads nothing']],
  },
  {
    rule: 'nothing to do',
    text: stageWith('from: a'),
    found: [['3:5', 'CONFIG_INVALID', 'does nothing']],
  },
  {
    rule: 'to and sink',
    text: stageWith('from: a', 'to: b', 'sink: drop'),
    found: [['5:5', 'CONFIG_INVALID', 'both "to" and "sink"']],
  },
  {
    rule: 'two stages of one name',
    text: file('pipeline: p', `  - name: s\n${stage}`),
    found: [['6:11', 'CONFIG_INVALID', 'stages[0] has the name "s" already']],
  },
  {
    rule: 'two steps of one id',
    text: stageWith(
      'from: a',
      'steps:',
      '  - filter: value.x',
      '  - filter: value.y',
      '    id: filter',
      'to: b',
    ),
    found: [['8:13', 'CONFIG_INVALID', 'the id "filter"']],
  },
  {
    rule: 'two aggregates in one stage',
    text: stageWith(
      'from: a',
      'steps:',
      '  - aggregate:',
      '      by: value.x',
      '      fields: {}',
      '  - aggregate:',
      '      by: value.y',
      '      fields: {}',
    ),
    found: [['9:9', 'CONFIG_INVALID', 'two aggregates']],
  },
  {
    rule: 'a first pause longer than the longest',
    text: stageWith('from: a', 'to: b', 'retry:', '  backoff: { initial: 1m }'),
    found: [['6:5', 'CONFIG_INVALID', '60000 ms']],
  },
  {
    rule: 'an unset variable',
    text: stageWith('from: a', 'to: out-${STAGE_NAME}'),
    found: [['5:13', 'CONFIG_VARIABLE', 'STAGE_NAME is not set', '${STAGE_NAME:-DEFAULT}']],
  },
  {
    rule: 'an unset secret',
    text: stageWith('from: a', 'to: b', 'key: ${secret:SALT}'),
    found: [['6:10', 'CONFIG_VARIABLE', 'the secret SALT is not set']],
  },
  {
    rule: 'a secret with a bad name',
    text: stageWith('from: a', 'to: b', 'key: ${secret:salt}'),
    found: [['6:10', 'CONFIG_VARIABLE', '"salt" is no name of a secret']],
  },
  {
    rule: 'a default in the wrong form',
    text: stageWith('from: a', 'to: b', 'key: ${NAME:x}'),
    found: [['6:10', 'CONFIG_VARIABLE', '${NAME:-x}']],
  },
  {
    rule: 'a variable of the wrong type',
    text: stageWith('source:', '  http:', '    path: /', '    port: ${PORT:-high}', 'to: b'),
    found: [['7:15', 'CONFIG_VARIABLE', 'expected a number, but got "high"']],
  },
  {
    rule: 'a test with stubs',
    text: test('stub: {}', 'steps:', '  - restart'),
    found: [['8:5', 'CONFIG_UNKNOWN_KEY', 'under "steps:"']],
  },
  {
    rule: 'a misspelled test step',
    text: test('steps:', '  - expct: { b: [] }'),
    found: [['9:9', 'CONFIG_UNKNOWN_OPERATOR', 'did you mean "expect"?']],
  },
  {
    rule: 'a test that sends to an unknown topic',
    text: test('steps:', '  - send: { aa: [1] }'),
    found: [['9:17', 'CONFIG_INVALID', 'nothing here is called "aa"; did you mean "a"?']],
  },
  {
    rule: 'a test that expects of an unknown sink',
    text: test('steps:', '  - expect: { shwo: [] }'),
    found: [['9:19', 'CONFIG_INVALID', '"shwo"', 'record_failed']],
  },
  {
    rule: 'a misspelled form of a record',
    text: test('steps:', '  - send: { a: [{ $recrd: {} }] }'),
    found: [['9:21', 'CONFIG_INVALID', 'did you mean "$record"?']],
  },
  {
    rule: 'a clock that is no time',
    text: test('clock: noon', 'steps:', '  - restart'),
    found: [['8:12', 'CONFIG_INVALID', '2026-01-01T00:00:00Z']],
  },
  {
    rule: 'a record with something beside $record',
    text: test('steps:', '  - send: { a: [{ $record: {}, key: x }] }'),
    found: [['9:21', 'CONFIG_INVALID', '"$record" stands alone']],
  },
  {
    rule: 'a misspelled part of a record',
    text: test('steps:', '  - send: { a: [{ $record: { vaule: 1 } }] }'),
    found: [['9:34', 'CONFIG_UNKNOWN_KEY', 'did you mean "value"?']],
  },
  {
    rule: 'raw text that is none',
    text: test('steps:', '  - send: { a: [{ $raw: 1 }] }'),
    found: [['9:29', 'CONFIG_INVALID', 'expected a text, but got 1']],
  },
  {
    rule: 'a hook that does nothing',
    text: stageWith('from: a', 'to: b', 'hooks:', '  - on: record_failed'),
    found: [['7:9', 'CONFIG_INVALID', '"do" is missing']],
  },
  {
    rule: 'a number as the name of a topic',
    text: stageWith('from: 123', 'to: b'),
    found: [['4:11', 'CONFIG_INVALID', 'expected a text or a list, but got 123; quote it: "123"']],
  },
]
