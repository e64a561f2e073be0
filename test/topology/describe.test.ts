import { describe, expect, it } from 'vitest'
import { loadTopologies } from '../../src/cli/load-topologies.ts'
import { compileTopology } from '../../src/topology/compile.ts'
import { describeTopology, drawTopology } from '../../src/topology/describe.ts'
import type { Topology } from '../../src/topology/topology.ts'
import { aCliEnvironment } from '../cli/cli-environment.ts'
import { aFolder } from '../cli/temporary-folder.ts'

function topologyOf(text: string): Topology {
  const environment = aCliEnvironment({ cwd: aFolder({ 'a.yaml': text }) })
  const { spec } = loadTopologies(['a.yaml'], environment).files[0]!
  // As on a log with several workers, which has all kinds of topics.
  return compileTopology(spec, { folder: '/', readText: () => '', regroup: 'repartition' }).topology
}

const orders = topologyOf(`pipeline: orders
namespace: ours
topics:
  raw:
    partitions: 2
stages:
  - name: ingest
    source: stdin
    key: value.id
    to: raw
  - name: clean
    from: raw
    steps:
      - trim: [a]
      - filter: value.a > 0
        if: value.b
        id: positive
    on_error: skip
    to: clean
  - name: totals
    from: clean
    steps:
      - aggregate:
          by: value.country
          fields:
            n: count()
    sink: stdout
    hooks:
      - on: [window_closed]
        do:
          log: {}
`)

describe('a topology as text', () => {
  it('shows each part of each stage with what it reads, does and writes', () => {
    const text = describeTopology(orders)
    expect(text).toMatch(/^pipeline ours\.orders\n/)
    expect(text).toContain(
      'ingest (producer, 1 task)\n  reads   source stdin\n  writes  raw, with a key\n',
    )
    expect(text).toContain('  steps   trim, filter (positive) [if ...]\n')
    expect(text).toContain('  failed  counted and skipped\n')
    expect(text).toContain('totals.repartition (analysis')
    expect(text).toContain('  steps   aggregate [key and projection]\n')
    expect(text).toContain('  hooks   window_closed -> log')
    expect(text).toContain('  writes  sink stdout\n')
  })

  it('lists all topics with their partitions and what they are for', () => {
    const [, topics = ''] = describeTopology(orders).split('\n\ntopics\n')
    expect(topics).toMatch(/^ {2}raw +2 partitions$/m)
    expect(topics).toMatch(
      /^ {2}ours\.orders\.totals\.repartition +\d partitions, between the parts of a stage, by another key$/m,
    )
    expect(topics).toMatch(/^ {2}ours\.orders\.ingest\.dlq +1 partition, dead letters$/m)
    expect(topics.trimEnd().split('\n')).toHaveLength(orders.topics.length)
  })
})

describe('a topology as a Mermaid flowchart', () => {
  const lines = drawTopology(orders).split('\n')

  it('joins sources, stages, topics and sinks by arrows between nodes that it has declared', () => {
    expect(lines[0]).toBe('flowchart LR')
    const declared = new Set(
      lines.flatMap((line) =>
        [...line.matchAll(/(\w+)(?:\[|\(\[|\[\()"/g)].map((match) => match[1]),
      ),
    )
    const used = lines.flatMap((line) =>
      [...line.matchAll(/(\w+) -(?:\.-|-)> (\w+)/g)].flatMap((match) => [match[1], match[2]]),
    )
    expect(used.length).toBeGreaterThan(10)
    for (const id of used) expect(declared).toContain(id)
  })

  it('shows the partitions of topics, and the steps and role of stages', () => {
    expect(lines.join('\n')).toContain('[("raw<br/>2 partitions")]')
    expect(lines.join('\n')).toContain('["clean<br/>cleaning<br/>trim<br/>positive"]')
  })

  it('leaves out dead letters of stages that skip', () => {
    const index = orders.nodes.findIndex(({ id }) => id === 'clean')
    expect(lines.filter((line) => line.startsWith(`  stage${index} -.->`))).toEqual([])
  })
})
