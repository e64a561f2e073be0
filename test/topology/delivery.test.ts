import { describe, expect, it } from 'vitest'
import { ConfigErrors } from '../../src/spec/diagnostic.ts'
import type { LogKind } from '../../src/topology/topology.ts'
import { definitions, fixtureSink, specOf, topologyOf } from '../simulation/pipeline-fixture.ts'

const forgetfulSink = { ...fixtureSink, type: 'forgetful', remembers: false }
const known = { ...definitions, sinks: [...definitions.sinks, forgetfulSink] }

const head = 'pipeline: p\ndefaults: { delivery: at_least_once }\nstages:\n'

/** By node: how it commits, and its changelog with the number of its partitions. */
function nodesOf(text: string, log: LogKind): Record<string, string> {
  const { nodes, topics } = topologyOf(head + text, { log, definitions: known })
  return Object.fromEntries(
    nodes.map(({ id, delivery, hasState, changelogTopic }) => {
      const changelog = topics.find(({ name }) => name === changelogTopic)
      const state = hasState ? ', state' : ''
      const kept = changelog === undefined ? '' : ` in ${changelog.name} (${changelog.partitions})`
      return [id, `${delivery}${state}${kept}`]
    }),
  )
}

const source = '  - { name: in, source: { feed: 1 }, to: a }\n'
const plain =
  '  - { name: plain, from: a, steps: [{ filter: value.x }], event_time: value.t, to: b }\n'
const totals =
  '  - { name: totals, from: a, steps: [{ aggregate: { by: value.c, fields: { n: count() } } }], sink: { forgetful: 1 } }\n'

describe('on Kafka', () => {
  it('a node without state commits as its stage says', () => {
    expect(nodesOf(plain, 'kafka')).toEqual({ plain: 'at_least_once' })
    expect(nodesOf(plain.replace('to: b', 'delivery: exactly_once, to: b'), 'kafka')).toEqual({
      plain: 'exactly_once',
    })
  })

  it('the position of a source and the memory of a sink are state, committed exactly once', () => {
    expect(nodesOf(source, 'kafka')).toEqual({ in: 'exactly_once, state in p.in.changelog (1)' })
    const sinkOf = (type: string) => `  - { name: out, from: a, sink: { ${type}: 1 } }\n`
    expect(nodesOf(sinkOf('drain'), 'kafka')).toEqual({
      out: 'exactly_once, state in p.out.changelog (4)',
    })
    expect(nodesOf(sinkOf('one_file'), 'kafka')).toEqual({
      out: 'exactly_once, state in p.out.changelog (1)',
    })
    expect(nodesOf(sinkOf('forgetful'), 'kafka')).toEqual({ out: 'at_least_once' })
  })

  it('all parts of a stage with a stateful step commit exactly once', () => {
    expect(nodesOf(totals, 'kafka')).toEqual({
      'totals.repartition': 'exactly_once, state in p.totals.repartition.changelog (4)',
      totals: 'exactly_once, state in p.totals.changelog (4)',
      'totals.sink': 'exactly_once',
    })
  })

  it('a changelog is compacted, for ever, and has a partition for each task', () => {
    const file = `pipeline: p\nnamespace: test\ntopics:\n  a: { partitions: 6, replication: 2 }\nstages:\n${totals}`
    const { topics } = topologyOf(file, { log: 'kafka', definitions: known })
    expect(topics.find(({ name }) => name === 'test.p.totals.changelog')).toEqual({
      name: 'test.p.totals.changelog',
      kind: 'changelog',
      partitions: 6,
      retentionMs: null,
      cleanup: 'compact',
    })
    expect(topics.find(({ name }) => name === 'a')).toMatchObject({ partitions: 6, replication: 2 })
  })
})

describe('on the embedded log', () => {
  it('everything commits exactly once, and state needs no topic', () => {
    expect(nodesOf(source + plain + totals, 'embedded')).toEqual({
      in: 'exactly_once, state',
      plain: 'exactly_once',
      'totals.repartition': 'exactly_once, state',
      totals: 'exactly_once, state',
      'totals.sink': 'exactly_once',
    })
    const { topics } = topologyOf(head + source + totals, { log: 'embedded', definitions: known })
    expect(topics.filter(({ kind }) => kind === 'changelog')).toEqual([])
  })
})

describe('a stage that keeps state', () => {
  it.each(['aggregate: { fields: { n: count() } }', 'dedupe: { by: key }'])(
    'with %s cannot ask for at least once, on no log',
    (step) => {
      const text = `pipeline: p\nstages:\n  - name: s\n    from: a\n    delivery: at_least_once\n    steps:\n      - ${step}\n    to: b\n`
      const thrown = () => specOf(text)
      expect(thrown).toThrow(ConfigErrors)
      expect(thrown).toThrow(
        /^x\.yaml:5:15: stages\[0\]\.delivery: the stage "s" keeps state .*exactly once/,
      )
      expect(specOf(text.replace('at_least_once', 'exactly_once')).stages).toHaveLength(1)
    },
  )
})
