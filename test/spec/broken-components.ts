import type { BrokenFile } from './broken-file.ts'
import { stageWith, stepWith } from './load-file.ts'

/** Steps, sources, sinks, listeners and their settings. */
export const brokenComponents: readonly BrokenFile[] = [
  {
    rule: 'a misspelled operator',
    text: stepWith('flter: value.x'),
    found: [
      [
        '6:9',
        'CONFIG_UNKNOWN_OPERATOR',
        'no operator is called "flter"; did you mean "filter"?',
        'trim',
      ],
    ],
  },
  {
    rule: "another tool's operator",
    text: stepWith('mapping: root = this'),
    found: [['6:9', 'CONFIG_UNKNOWN_OPERATOR', 'did you mean', '- set:']],
  },
  {
    rule: 'an operator of later',
    text: stepWith('join:', '  table: devices'),
    found: [['6:9', 'CONFIG_INVALID', '"join" (of a step) is not supported yet']],
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
    found: [
      ['7:19', 'CONFIG_INVALID', 'number, integer, timestamp or a map', 'did you mean "number"?'],
    ],
  },
  {
    rule: 'a misspelled word in the long form',
    text: stepWith('cast:', '  amount:', '    type: numbr'),
    found: [['8:19', 'CONFIG_INVALID', 'did you mean "number"?']],
  },
  {
    rule: 'a misspelled key, told once although a key is missing, too',
    text: stepWith('cast:', '  amount:', '    typ: number'),
    found: [
      ['8:13', 'CONFIG_UNKNOWN_KEY', '"typ"; did you mean "type"?', 'allowed are type, empty'],
    ],
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
    text: stepWith(
      'aggregate:',
      '  by: value.x',
      '  window:',
      '    tumblng: 10s',
      '  fields:',
      '    n: count()',
    ),
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
    text: stageWith(
      'from: a',
      'to: b',
      'hooks:',
      '  - on: record_failed',
      '    do:',
      '      lgo: {}',
    ),
    found: [
      ['9:11', 'CONFIG_UNKNOWN_OPERATOR', 'no listener is called "lgo"; did you mean "log"?'],
    ],
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
  {
    rule: "another tool's word beside an operator",
    text: stepWith('filter: value.x', 'when: value.y'),
    found: [['7:9', 'CONFIG_UNKNOWN_OPERATOR', 'did you mean', '"if: EXPRESSION"']],
  },
]
