import { describe, expect, it } from 'vitest'
import { PipelineError } from '../../src/core/errors.ts'
import type { CompileProblem } from '../../src/topology/compile.ts'
import { taskId } from '../../src/topology/topology.ts'
import { compileText, messageOfProblem, topologyOf } from '../simulation/pipeline-fixture.ts'

function problemsOf(text: string): string[] {
  return compileText(text).problems.map(shown)
}

function shown(problem: CompileProblem): string {
  const { severity, path, thrown } = problem
  const code = thrown instanceof PipelineError ? thrown.code : 'none'
  return `${severity} ${path.join('.')} ${code}: ${messageOfProblem(problem)}`
}

const copy = (name: string, from: string, to: string) =>
  `  - name: ${name}\n    from: ${from}\n    to: ${to}\n`
const head = 'pipeline: p\nstages:\n'
const feed = `  - name: feed\n    source: { feed: 1 }\n    to: a\n`

describe('compiling a pipeline', () => {
  it('puts upstream before downstream, whatever the order of the file', () => {
    const { nodes } = topologyOf(head + copy('third', 'b', 'c') + copy('second', 'a', 'b') + feed)
    expect(nodes.map(({ id }) => id)).toEqual(['feed', 'second', 'third'])
  })

  it('keeps the order of the file where nothing else decides', () => {
    const { nodes } = topologyOf(head + feed + copy('y', 'a', 'c') + copy('x', 'a', 'b'))
    expect(nodes.map(({ id }) => id)).toEqual(['feed', 'y', 'x'])
  })

  it('orders a stage that reads the dead letters of another behind it', () => {
    const { nodes } = topologyOf(
      head + copy('mend', 'p.clean.dlq', 'mended') + copy('clean', 'a', 'b') + feed,
    )
    expect(nodes.map(({ id }) => id)).toEqual(['feed', 'clean', 'mend'])
  })

  it('refuses a circle, at a stage of it, with the names of those in it', () => {
    const problems = problemsOf(head + feed + copy('one', '[a, c]', 'b') + copy('two', 'b', 'c'))
    expect(problems).toEqual([
      expect.stringMatching(/^error stages\.1 CONFIG_TOPOLOGY: .*one, two/),
    ])
  })

  it('refuses a stage that reads what it writes', () => {
    expect(problemsOf(head + copy('self', 'a', 'a'))).toEqual([
      expect.stringMatching(/^error stages\.0 CONFIG_TOPOLOGY: .*self/),
    ])
  })

  it('does not blame a stage that only lies behind a circle', () => {
    const [problem] = problemsOf(
      head + copy('behind', 'b', 'z') + feed + copy('one', '[a, c]', 'b') + copy('two', 'b', 'c'),
    )
    expect(problem).toMatch(/^error stages\.2 /)
    expect(problem).not.toContain('behind')
  })

  it('warns of a topic that no stage writes, and of no other', () => {
    expect(
      problemsOf(
        head +
          feed +
          copy('one', '[a, elsewhere]', 'b') +
          copy('two', '[p.one.dlq, p.feed.dlq]', 'c'),
      ),
    ).toEqual([expect.stringMatching(/^warning stages\.1\.from CONFIG_TOPOLOGY: .*"elsewhere"/)])
  })

  const deduping = (by: string, from = 'from: a') =>
    `  - name: s\n    ${from}\n    steps:\n      - dedupe: { by: ${by} }\n    to: b\n`

  it('warns that dedupe looks at one partition, unless it goes by the key', () => {
    expect(problemsOf(head + feed + deduping('value.id'))).toEqual([
      expect.stringMatching(/^warning stages\.1\.steps\.0\.dedupe .*DEDUPE_SCOPE/),
    ])
    expect(problemsOf(head + feed + deduping('key'))).toEqual([])
  })

  it('does not warn of dedupe where there is one partition only', () => {
    const oneEach = 'pipeline: p\ntopics:\n  a: { partitions: 1 }\nstages:\n'
    expect(problemsOf(oneEach + feed + deduping('value.id'))).toEqual([])
  })

  it('does not warn of dedupe where the writing stage sets the key by the same expression', () => {
    const keyed = feed.replace('    to: a', '    key: value.id\n    to: a')
    expect(problemsOf(head + keyed + deduping('value.id'))).toEqual([])
  })

  it('follows the key through stages that keep it, and notices one that does not', () => {
    const keyed = feed.replace('    to: a', '    key: value.id\n    to: a')
    const through = (more: string) =>
      `${copy('on', 'a', 'm')}${more}${deduping('value.id', 'from: m')}`
    expect(problemsOf(head + keyed + through(''))).toEqual([])
    expect(problemsOf(head + keyed + through('    key: value.other\n'))).toHaveLength(1)
    expect(problemsOf(head + keyed + deduping('value.other'))).toHaveLength(1)
  })

  it('finds duplicates among all records of a source in the same stage, or warns', () => {
    const { topology, problems } = compileText(head + deduping('value.id', 'source: { feed: 1 }'))
    const between = topology.topics.find(({ name }) => name === 'p.s.in')!
    expect(
      between.partitions === 1 ||
        problems.some((problem) => shown(problem).includes('DEDUPE_SCOPE')),
    ).toBe(true)
  })

  it.each([
    ['filter', '      - filter: value.a +\n', 'stages.1.steps.0.filter'],
    ['an entry of set', '      - set:\n          x: nothing(value.a)\n', 'stages.1.steps.0.set.x'],
    [
      'an aggregated field',
      '      - aggregate:\n          fields: { n: nope(value.a) }\n',
      'stages.1.steps.0.aggregate.fields.n',
    ],
    [
      'by in a map',
      '      - aggregate:\n          by: { c: "value." }\n          fields: { n: count() }\n',
      'stages.1.steps.0.aggregate.by.c',
    ],
    ['if', '      - require: value.a\n        if: "value ="\n', 'stages.1.steps.0.if'],
  ])('reports an expression that is wrong at its place: %s', (_what, step, path) => {
    const problems = problemsOf(
      `${head}${feed}  - name: s\n    from: a\n    steps:\n${step}    to: b\n`,
    )
    expect(problems).toEqual([
      expect.stringMatching(new RegExp(`^error ${path.replaceAll('.', '\\.')} `)),
    ])
  })

  it('reports key, event_time and when at their places, all at once', () => {
    const text = `${head}  - name: s\n    from: a\n    key: "1 +"\n    event_time: "now()"\n    to: b\n    hooks:\n      - on: record_failed\n        when: "offset > 1"\n        do: { tell: 1 }\n`
    const places = compileText(text)
      .problems.filter(({ severity }) => severity === 'error')
      .map(({ path }) => path.join('.'))
    expect(places.toSorted()).toEqual([
      'stages.0.event_time',
      'stages.0.hooks.0.when',
      'stages.0.key',
    ])
  })

  it('prefixes groups, tasks and its own topics with the namespace, and leaves user topics', () => {
    const topology = topologyOf(
      `pipeline: p\nnamespace: test\nstages:\n  - name: s\n    source: { feed: 1 }\n    steps:\n      - aggregate: { by: value.c, fields: { n: count() } }\n    to: out\n`,
    )
    expect(topology.nodes.map(({ group }) => group)).toEqual([
      'test.p.s.source',
      'test.p.s.repartition',
      'test.p.s',
    ])
    expect(taskId(topology, topology.nodes[2]!, 3)).toBe('test.p.s/3')
    expect(topology.topics.map(({ name }) => name).toSorted()).toEqual([
      'out',
      'test.p.s.dlq',
      'test.p.s.in',
      'test.p.s.late',
      'test.p.s.repartition',
      'test.p.s.replay',
    ])
  })

  it('gives every topic the partitions that a test asks for', () => {
    const { topology } = compileText(
      `pipeline: p\ntopics:\n  a: { partitions: 8 }\nstages:\n${feed}${copy('one', 'a', 'b')}`,
      { partitions: 3 },
    )
    expect(new Set(topology.topics.map(({ partitions }) => partitions))).toEqual(new Set([3]))
  })

  it('has the hooks of each stage, with a condition over event and value', () => {
    const { hooks } = topologyOf(
      `${head}${feed}    hooks:\n      - on: [record_failed, stage_blocked]\n        when: event.code == 'RECORD_CAST' && value.a > 1\n        do: { tell: 1 }\n`,
    )
    expect(hooks).toMatchObject([
      { stage: 'feed', on: ['record_failed', 'stage_blocked'], config: 1 },
    ])
  })
})
