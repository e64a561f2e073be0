import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineAsync } from '../../src/core/operator.ts'
import { runsAnywhere } from '../../src/runtime/step-executor.ts'
import { describeTopology } from '../../src/topology/describe.ts'
import { pipelineGuarantees } from '../../src/topology/guarantees.ts'
import type { RoutedTopic, StageNode, Topology } from '../../src/topology/topology.ts'
import { type CompileOptions, definitions, topologyOf } from '../simulation/pipeline-fixture.ts'

/** The nodes of a pipeline `p` with one stage `s`. */
function cut(lines: readonly string[], options: CompileOptions = {}): Topology {
  return topologyOf(
    ['pipeline: p', 'stages:', '  - name: s', ...lines.map((line) => `    ${line}`)].join('\n'),
    options,
  )
}

/** `id: input -> steps -> output`, one line per node. */
function shape({ nodes }: Topology): string[] {
  return nodes.map(
    (node) =>
      `${node.id}: ${[inputOf(node), ...node.steps.map(stepOf), outputOf(node)].join(' -> ')}`,
  )
}

function inputOf({ input }: StageNode): string {
  return input.kind === 'source'
    ? `source ${input.definition.type}`
    : input.topics.map(({ name, partitions }) => `${name}(${partitions})`).join('+')
}

function stepOf({ id, part }: StageNode['steps'][number]): string {
  return part === 'whole' ? id : `${id} projection`
}

function outputOf({ output }: StageNode): string {
  if (output === null) return 'nothing'
  if (output.kind === 'sink') return `sink ${output.definition.type}`
  if (output.kind === 'topics') return output.topics.map(topicText).join(' or ')
  const notes = [
    output.samePartition ? 'same' : '',
    output.key === null ? '' : 'keyed',
    output.markers ? 'markers' : '',
  ]
  return [`${output.topic}(${output.partitions})`, ...notes].filter((note) => note !== '').join(' ')
}

function topicText({ topic, partitions, samePartition }: RoutedTopic): string {
  return `${topic}(${partitions})${samePartition ? ' same' : ''}`
}

const source = 'source: { feed: 1 }'
const sink = 'sink: { drain: 1 }'
const filter = ['steps:', '  - filter: value.a']
const dedupe = ['steps:', '  - dedupe: { by: value.id }']
const aggregate = (by: string) => [
  'steps:',
  '  - aggregate:',
  `      by: ${by}`,
  '      fields: { n: count() }',
]

describe('a stage', () => {
  it('of a source, stateless steps and a topic is one producer', () => {
    const topology = cut([source, ...filter, 'to: out'])
    expect(shape(topology)).toEqual(['s: source feed -> filter -> out(4)'])
    expect(topology.nodes[0]).toMatchObject({
      role: 'producer',
      tasks: 1,
      group: 'p.s',
      decode: 'json',
    })
  })

  it('of a source and a sink survives each on its own, over an internal topic', () => {
    const topology = cut([source, sink])
    expect(shape(topology)).toEqual([
      's.source: source feed -> p.s.in(4)',
      's.sink: p.s.in(4) -> sink drain',
    ])
    expect(topology.nodes.map(({ group, role, decode }) => [group, role, decode])).toEqual([
      ['p.s.source', 'producer', 'none'],
      ['p.s.sink', 'sink', 'none'],
    ])
    expect(topology.topics.find(({ name }) => name === 'p.s.in')).toMatchObject({
      kind: 'internal',
    })
  })

  it('of source, steps and sink has an internal topic on each side of the steps', () => {
    const topology = cut([source, ...filter, sink])
    expect(shape(topology)).toEqual([
      's.source: source feed -> p.s.in(4)',
      's: p.s.in(4) -> filter -> p.s.out(4) same',
      's.sink: p.s.out(4) -> sink drain',
    ])
  })

  it('of a source and a stateful step keeps the source apart', () => {
    expect(shape(cut([source, ...dedupe, 'to: out']))).toEqual([
      // In one partition: duplicates would not be found among several.
      's.source: source feed -> p.s.in(1)',
      's: p.s.in(1) -> dedupe -> out(4)',
    ])
  })

  it('of a topic, stateless steps and a sink is one part', () => {
    const topology = cut(['from: in', ...filter, sink])
    expect(shape(topology)).toEqual(['s: in(4) -> filter -> sink drain'])
    expect(topology.nodes[0]!.role).toBe('sink')
  })

  it('of a stateful step and a sink keeps the sink apart', () => {
    expect(shape(cut(['from: in', ...dedupe, sink]))).toEqual([
      's: in(4) -> dedupe -> p.s.out(4) same',
      's.sink: p.s.out(4) -> sink drain',
    ])
  })

  it('that groups by something other than the key brings the records together first', () => {
    const topology = cut(['from: in', ...aggregate('value.c'), 'to: out'])
    expect(shape(topology)).toEqual([
      's.repartition: in(4) -> aggregate projection -> p.s.repartition(4) markers',
      's: p.s.repartition(4) -> aggregate -> out(4) same',
    ])
    expect(topology.nodes.map(({ role, needsEventTime }) => [role, needsEventTime])).toEqual([
      ['analysis', true],
      ['analysis', true],
    ])
    expect(topology.topics.find(({ name }) => name === 'p.s.repartition')).toMatchObject({
      kind: 'repartition',
      partitions: 4,
    })
  })

  it('that groups by something other than the key is one task where the log has one process', () => {
    const topology = cut(['from: in', ...aggregate('value.c'), 'to: out'], { regroup: 'one_task' })
    expect(shape(topology)).toEqual([
      's: in(4) -> aggregate projection -> aggregate -> out(4) same',
    ])
    expect(topology.nodes.map(({ tasks }) => tasks)).toEqual([1])
    expect(
      cut(['from: in', ...aggregate('key'), 'to: out'], { regroup: 'one_task' }).nodes[0]!.tasks,
    ).toBe(4)
    expect(cut(['from: in', ...dedupe, 'to: out'], { regroup: 'one_task' }).nodes[0]!.tasks).toBe(4)
  })

  it('that groups by the key, or reads one partition, needs no bringing together', () => {
    expect(shape(cut(['from: in', ...aggregate('key'), 'to: out']))).toEqual([
      's: in(4) -> aggregate projection -> aggregate -> out(4) same',
    ])
    expect(shape(cut(['from: in', ...aggregate('value.c'), 'to: out'], { partitions: 1 }))).toEqual(
      ['s: in(1) -> aggregate projection -> aggregate -> out(1) same'],
    )
  })

  it('of everything at once is cut at every place where one part must survive on its own', () => {
    expect(shape(cut([source, ...aggregate('value.c'), sink]))).toEqual([
      's.source: source feed -> p.s.in(4)',
      's.repartition: p.s.in(4) -> aggregate projection -> p.s.repartition(4) markers',
      's: p.s.repartition(4) -> aggregate -> p.s.out(4) same',
      's.sink: p.s.out(4) -> sink drain',
    ])
  })

  it('runs the steps before an aggregate where the original bytes are, and those after it behind', () => {
    const steps = [
      'steps:',
      '  - filter: value.a',
      '  - aggregate:',
      '      by: value.c',
      '      fields: { n: count() }',
      '  - require: value.n > 1',
    ]
    expect(shape(cut(['from: in', ...steps, 'to: out']))).toEqual([
      's.repartition: in(4) -> filter -> aggregate projection -> p.s.repartition(4) markers',
      's: p.s.repartition(4) -> aggregate -> require -> out(4) same',
    ])
  })

  it('keeps the partition of its input where counts are equal and it sets no key', () => {
    const file = (more: string) => `
pipeline: p
topics:
  in: { partitions: 4 }
  out: { partitions: 8 }
  even: { partitions: 4 }
stages:
  - name: s
    from: in
    to: ${more}
`
    expect(shape(topologyOf(file('even')))).toEqual(['s: in(4) -> even(4) same'])
    expect(shape(topologyOf(file('out')))).toEqual(['s: in(4) -> out(8)'])
    expect(shape(topologyOf(file('even\n    key: value.k')))).toEqual(['s: in(4) -> even(4) keyed'])
  })

  it('has a task for each partition of its widest input, and one for a sink that must own all', () => {
    const file = (sinkType: string) => `
pipeline: p
topics:
  a: { partitions: 2 }
  b: { partitions: 6 }
stages:
  - name: s
    from: [a, b]
    sink: { ${sinkType}: 1 }
`
    expect(topologyOf(file('drain')).nodes[0]!.tasks).toBe(6)
    expect(topologyOf(file('one_file')).nodes[0]!.tasks).toBe(1)
  })

  it('decodes its input unless nothing reads it, or the first step parses it', () => {
    const decodeOf = (lines: readonly string[]) => cut(lines).nodes.map(({ decode }) => decode)
    expect(decodeOf(['from: in', 'to: out'])).toEqual(['none'])
    expect(decodeOf(['from: in', 'key: value.k', 'to: out'])).toEqual(['json'])
    expect(decodeOf(['from: in', 'event_time: value.ts', 'to: out'])).toEqual(['json'])
    expect(decodeOf(['from: in', 'steps:', '  - parse: { format: text }', 'to: out'])).toEqual([
      'raw',
    ])
    expect(
      decodeOf(['from: in', 'steps:', '  - parse: { format: json, field: raw }', 'to: out']),
    ).toEqual(['json'])
  })

  it('evaluates its event time where its steps are, which may prepare it, not on what the source gave', () => {
    const [fromSource, steps] = cut([source, 'event_time: value.ts', ...dedupe, 'to: out']).nodes
    expect([fromSource!.eventTime, fromSource!.decode]).toEqual([null, 'none'])
    expect(steps!.eventTime).not.toBeNull()
    const [repartition, main] = cut([
      'from: in',
      'event_time: value.ts',
      ...aggregate('value.c'),
      'to: out',
    ]).nodes
    expect([repartition!.eventTime === null, main!.eventTime]).toEqual([false, null])
    expect(
      cut([source, 'event_time: value.ts', sink]).nodes.map(({ eventTime }) => eventTime === null),
    ).toEqual([false, true])
  })

  it('infers its role', () => {
    const roles = (lines: readonly string[]) => cut(lines).nodes.map(({ role }) => role)
    expect(roles(['from: in', ...dedupe, 'to: out'])).toEqual(['cleaning'])
    expect(roles(['from: in', ...filter])).toEqual(['cleaning'])
    expect(roles(['from: in', ...dedupe, sink])).toEqual(['sink', 'sink'])
    expect(roles(['from: in', ...aggregate('key'), sink])).toEqual(['analysis', 'sink'])
  })

  it('has its settings with their defaults', () => {
    expect(cut(['from: in', 'to: out']).nodes[0]!.settings).toEqual({
      start: 'earliest',
      concurrency: null,
      onError: 'dlq',
      retry: { max: 3, backoff: { initialMs: 100, maxMs: 10_000 } },
      idleMs: 30_000,
      maxFutureMs: 3_600_000,
      limits: { lag: null, delayMs: null },
      maxKeys: 10_000_000,
    })
  })
})

describe('topics for records set aside', () => {
  it('have as many partitions as their stage reads; a source stage has one', () => {
    const file = `
pipeline: p
topics:
  in: { partitions: 6 }
stages:
  - name: first
    source: { feed: 1 }
    to: in
  - name: second
    from: in
    steps:
      - aggregate: { by: value.c, fields: { n: count() } }
    to: out
`
    const { topics } = topologyOf(file)
    const found = Object.fromEntries(
      topics.map(({ name, kind, partitions }) => [name, `${kind} ${partitions}`]),
    )
    expect(found).toEqual({
      in: 'user 6',
      out: 'user 4',
      'p.second.repartition': 'repartition 6',
      'p.first.dlq': 'dead_letter 1',
      'p.second.dlq': 'dead_letter 6',
      'p.second.late': 'late 6',
      'p.second.replay': 'replay 6',
    })
  })

  it('have the names that the stage gives them, and the partitions that the file declares', () => {
    const { topics, nodes } = topologyOf(`
pipeline: p
topics:
  bad: { partitions: 2, retention: 30d }
stages:
  - name: s
    from: in
    dlq: bad
    late: tardy
    steps:
      - dedupe: { by: key }
    to: out
`)
    expect(nodes[0]).toMatchObject({ deadLetterTopic: 'bad', lateTopic: 'tardy' })
    expect(topics.find(({ name }) => name === 'bad')).toMatchObject({
      partitions: 2,
      retentionMs: 30 * 86_400_000,
    })
    expect(topics.some(({ name }) => name === 'p.s.dlq' || name === 'p.s.late')).toBe(false)
  })
})

const ask = defineAsync({
  type: 'ask',
  summary: 'Asks.',
  config: z.unknown(),
  examples: [{ title: 'any', config: 1, input: [], output: [] }],
  kind: 'async',
  create: () => ({ process: () => [], close: () => Promise.resolve() }),
})

describe('a stage with steps that wait for something outside', () => {
  const cutAsync = (lines: readonly string[], options: CompileOptions = {}) =>
    cut(lines, {
      ...options,
      definitions: { ...definitions, operators: [...definitions.operators, ask] },
    })

  it('is one node where they come first, and decodes the whole value', () => {
    const topology = cutAsync([
      'from: in',
      'concurrency: 3',
      'steps:',
      '  - trim: [a]',
      '  - ask: 1',
      '  - dedupe: { by: value.id }',
      'to: out',
    ])
    expect(shape(topology)).toEqual(['s: in(4) -> trim -> ask -> dedupe -> out(4) same'])
    expect(topology.nodes[0]).toMatchObject({ fields: null, settings: { concurrency: 3 } })
  })

  it('keeps what a source gives before it asks about it', () => {
    expect(shape(cutAsync([source, 'steps:', '  - ask: 1', 'to: out']))).toEqual([
      's.source: source feed -> p.s.in(4)',
      's: p.s.in(4) -> ask -> out(4) same',
    ])
  })

  it('is cut by a topic behind state, as often as that comes before such a step', () => {
    const steps = [
      'steps:',
      '  - dedupe: { by: value.id }',
      '  - ask: 1',
      '  - dedupe: { by: value.x }',
      '  - ask: 2',
    ]
    const topology = cutAsync(['from: in', ...steps, 'to: out'])
    expect(shape(topology)).toEqual([
      's.state: in(4) -> dedupe -> p.s.async(4) same',
      's.state-2: p.s.async(4) -> ask -> dedupe-2 -> p.s.async-2(4) same',
      's: p.s.async-2(4) -> ask-2 -> out(4) same',
    ])
    expect(topology.nodes.map(({ group }) => group)).toEqual(['p.s.state', 'p.s.state-2', 'p.s'])
  })

  it('asks about results of windows in a part behind them', () => {
    const topology = cutAsync(['from: in', ...aggregate('value.c'), '  - ask: 1', 'to: out'])
    expect(shape(topology)).toEqual([
      's.repartition: in(4) -> aggregate projection -> p.s.repartition(4) markers',
      's.state: p.s.repartition(4) -> aggregate -> p.s.async(4) same',
      's: p.s.async(4) -> ask -> out(4) same',
    ])
  })

  it('cannot be worked on in another thread', () => {
    const [node] = cutAsync(['from: in', 'steps:', '  - ask: 1', 'to: out']).nodes
    expect(runsAnywhere(node!)).toBe(false)
  })

  it('says what is repeated after a crash, and how much waits at once', () => {
    const topology = cutAsync(['from: in', 'concurrency: 8', 'steps:', '  - ask: 1', 'to: out'])
    const [output] = pipelineGuarantees(topology, 'embedded').outputs
    expect(output!.guarantee).toBe('exactly_once')
    expect(output!.paths[0]!.hops[0]!.why).toContain('Calls of "ask" may be repeated')
    expect(describeTopology(topology)).toContain('waits   ask: up to 8 at once in each task')
  })
})
