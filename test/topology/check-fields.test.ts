import { describe, expect, it } from 'vitest'
import { PipelineError } from '../../src/core/errors.ts'
import { compileText, messageOfProblem } from '../simulation/pipeline-fixture.ts'

/** `PATH: message` of each unknown field. */
function unknownFields(...stages: readonly string[]): string[] {
  const { problems } = compileText(['pipeline: p', 'stages:', ...stages].join('\n'))
  return problems
    .filter(({ thrown }) => thrown instanceof PipelineError && thrown.code === 'CONFIG_FIELD')
    .map((problem) => `${problem.path.join('.')}: ${messageOfProblem(problem)}`)
}

function stage(name: string, from: string, to: string, ...lines: readonly string[]): string {
  return [
    `  - name: ${name}`,
    `    from: ${from}`,
    `    to: ${to}`,
    ...lines.map((line) => `    ${line}`),
  ].join('\n')
}

const totals = (from: string, to: string) =>
  stage(
    'totals',
    from,
    to,
    'steps:',
    '  - aggregate: { by: value.country, fields: { orders: count() } }',
  )
const keeping = (name: string, from: string, to: string, fields: string) =>
  stage(name, from, to, 'steps:', `  - keep: [${fields}]`)
const reading = (from: string, expression: string) =>
  stage('reader', from, 'read', 'steps:', `  - filter: ${expression}`)

describe('fields of records', () => {
  it('are what an aggregate gives; another one is reported with those that there are', () => {
    expect(unknownFields(totals('a', 'b'), reading('b', 'value.order > 1'))).toEqual([
      expect.stringMatching(/^stages\.1\.steps\.0\.filter: .*"order".*country, orders/),
    ])
    expect(
      unknownFields(totals('a', 'b'), reading('b', 'value.orders > 1 && value.country != null')),
    ).toEqual([])
  })

  it('are what `keep` keeps, also within the stage', () => {
    const within = stage(
      's',
      'a',
      'b',
      'steps:',
      '  - keep: [id, amount]',
      '  - filter: value.country == null',
    )
    expect(unknownFields(within)).toEqual([
      expect.stringMatching(/^stages\.0\.steps\.1\.filter: .*"country"/),
    ])
    expect(
      unknownFields(keeping('k', 'a', 'b', 'id'), reading('b', 'value.amount > 0')),
    ).toHaveLength(1)
  })

  it('are not known from outside, and nothing is reported then', () => {
    expect(unknownFields(reading('outside', 'value.anything > 0'))).toEqual([])
    expect(
      unknownFields(
        stage('s', 'a', 'b', 'steps:', '  - set: { x: value.a }'),
        reading('b', 'value.anything'),
      ),
    ).toEqual([])
    expect(unknownFields(keeping('k', 'a', 'b', 'id'), reading('k.dlq', 'value.anything'))).toEqual(
      [],
    )
  })

  it('are known again after a step that gives only certain ones', () => {
    const { length } = unknownFields(
      stage(
        's',
        'outside',
        'b',
        'steps:',
        '  - keep: [id]',
        '  - set: { x: value.id }',
        '  - filter: value.y',
      ),
    )
    expect(length).toBe(1)
  })

  it('include those that `set` and `rename` add, and not those that are gone', () => {
    const added = (expression: string) =>
      unknownFields(
        stage(
          's',
          'a',
          'b',
          'steps:',
          '  - keep: [id, old]',
          '  - set: { x: value.id }',
          '  - rename: { old: young }',
          '  - remove: [id]',
          `  - filter: ${expression}`,
        ),
      )
    expect(added('value.x == value.young')).toEqual([])
    expect(added('value.old == 1')).toHaveLength(1)
    expect(added('value.id == 1')).toHaveLength(1)
  })

  it('before and after a step behind `if` may both be there', () => {
    const step = [
      'steps:',
      '  - keep: [id, kind]',
      '  - keep: [id]',
      "    if: value.kind == 'x'",
      '  - filter: value.kind == null',
    ]
    expect(unknownFields(stage('s', 'a', 'b', ...step))).toEqual([])
    expect(
      unknownFields(stage('s', 'a', 'b', ...step.slice(0, 4), '  - filter: value.other == null')),
    ).toHaveLength(1)
  })

  it('of a topic are those of all its writers together, and unknown when one is unknown', () => {
    const two = [keeping('one', 'a', 'c', 'id'), keeping('two', 'b', 'c', 'amount')]
    expect(unknownFields(...two, reading('c', 'value.id == value.amount'))).toEqual([])
    expect(unknownFields(...two, reading('c', 'value.other'))).toHaveLength(1)
    expect(unknownFields(...two, stage('three', 'a', 'c'), reading('c', 'value.other'))).toEqual([])
  })

  it('are followed over several stages, in whatever order the file has them', () => {
    const stages = [reading('c', 'value.gone'), stage('on', 'b', 'c'), keeping('k', 'a', 'b', 'id')]
    expect(unknownFields(...stages)).toHaveLength(1)
    expect(unknownFields(...stages.toReversed())).toHaveLength(1)
  })

  it('are checked wherever an expression stands', () => {
    const bad = (...lines: readonly string[]) =>
      unknownFields(keeping('k', 'a', 'b', 'id'), stage('s', 'b', 'c', ...lines)).map(
        (text) => text.split(':')[0],
      )
    expect(bad('key: value.x')).toEqual(['stages.1.key'])
    expect(bad('event_time: value.x')).toEqual(['stages.1.event_time'])
    expect(bad('steps:', '  - set: { y: value.x }')).toEqual(['stages.1.steps.0.set.y'])
    expect(bad('steps:', '  - require: value.id', '    if: value.x == 1')).toEqual([
      'stages.1.steps.0.if',
    ])
    expect(bad('steps:', '  - aggregate: { by: value.x, fields: { n: sum(value.y) } }')).toEqual([
      'stages.1.steps.0.aggregate.by',
      'stages.1.steps.0.aggregate.fields.n',
    ])
  })

  it('are, for the event time, those that the steps before the first one that needs it have made', () => {
    const timed = (expression: string) =>
      unknownFields(
        keeping('k', 'a', 'b', 'raw_ts, c'),
        stage(
          's',
          'b',
          'c',
          `event_time: ${expression}`,
          'steps:',
          '  - rename: { raw_ts: ts }',
          '  - aggregate: { by: value.c, fields: { n: count() } }',
        ),
      )
    expect(timed('value.ts')).toEqual([])
    expect(timed('value.raw_ts')).toHaveLength(1)
  })

  it('in a circle of stages end the check, which reports nothing about them', () => {
    expect(
      unknownFields(stage('one', '[a, c]', 'b'), stage('two', 'b', 'c'), reading('c', 'value.x')),
    ).toEqual([])
  })

  it('named as nothing else is are no trap', () => {
    expect(
      unknownFields(keeping('k', 'a', 'b', 'id'), reading('b', 'value.toString == null')),
    ).toHaveLength(1)
  })
})
