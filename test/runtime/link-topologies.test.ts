import { describe, expect, it } from 'vitest'
import { WriterLinks } from '../../src/runtime/link-topologies.ts'
import { topologyOf } from '../simulation/pipeline-fixture.ts'

const file = (source: string) => `
pipeline: p
topics:
  wide: { partitions: 8 }
stages:
  - name: ingest
    source: { ${source}: 1 }
    to: raw
  - name: clean
    from: raw
    to: clean
  - name: widen
    from: clean
    to: wide
  - name: totals
    from: clean
    steps:
      - aggregate: { by: value.c, fields: { n: count() } }
    to: totals
`

function linksOf(...texts: readonly string[]) {
  const topologies = texts.map((text) => topologyOf(text))
  const links = new WriterLinks(topologies, { outsideEnds: false })
  const nodes = new Map(
    topologies.flatMap(({ nodes: all }) => all.map((node) => [node.id, node] as const)),
  )
  const ids = (topic: string, partition: number) =>
    links.expectedWriters(topic, partition).map(({ id }) => id)
  return { links, ids, isBounded: (id: string) => links.isBounded(nodes.get(id)!) }
}

describe('expected writers', () => {
  it('are all tasks of the stage that writes', () => {
    const { ids } = linksOf(file('feed'))
    expect(ids('raw', 2)).toEqual(['p.ingest/0'])
    expect(ids('wide', 5)).toEqual(['p.widen/0', 'p.widen/1', 'p.widen/2', 'p.widen/3'])
  })

  it('are only task p of partition p where key and partition count are unchanged', () => {
    const { ids } = linksOf(file('feed'))
    expect(ids('clean', 2)).toEqual(['p.clean/2'])
    expect(ids('totals', 3)).toEqual(['p.totals/3'])
  })

  it('are the partition itself where no stage writes', () => {
    expect(linksOf(file('feed')).links.expectedWriters('elsewhere', 0)).toEqual([
      { id: null, holds: false, sendsMarkers: false },
    ])
  })

  it('send markers to every partition of a repartition topic, and to no other', () => {
    const { links } = linksOf(file('feed'))
    expect(links.expectedWriters('p.totals.repartition', 1)).toEqual(
      [0, 1, 2, 3].map((task) => ({
        id: `p.totals.repartition/${task}`,
        holds: false,
        sendsMarkers: true,
      })),
    )
    expect(links.expectedWriters('clean', 0)[0]!.sendsMarkers).toBe(false)
  })

  it('hold the watermark where all that they read is bounded', () => {
    expect(
      linksOf(file('bounded_feed'))
        .links.expectedWriters('wide', 0)
        .every(({ holds }) => holds),
    ).toBe(true)
    expect(
      linksOf(file('feed'))
        .links.expectedWriters('wide', 0)
        .some(({ holds }) => holds),
    ).toBe(false)
  })

  it('of dead letters are all tasks of the stage', () => {
    expect(linksOf(file('feed')).ids('p.clean.dlq', 0)).toHaveLength(4)
  })

  it('come from all pipelines that run together', () => {
    const other =
      'pipeline: q\nstages:\n  - name: more\n    source: { bounded_feed: 1 }\n    to: raw\n'
    const { ids, isBounded } = linksOf(file('bounded_feed'), other)
    expect(ids('raw', 0)).toEqual(['p.ingest/0', 'q.more/0'])
    expect(isBounded('clean')).toBe(true)
    expect(linksOf(file('feed'), other).isBounded('clean')).toBe(false)
  })
})

describe('the end of a topic', () => {
  it('is that of all tasks that write it; one from outside has none', () => {
    const { links } = linksOf(file('feed'))
    expect(links.endingTasks('raw')).toEqual(['p.ingest/0'])
    expect(links.endingTasks('wide')).toHaveLength(4)
    expect(links.endingTasks('elsewhere')).toBeNull()
  })

  it('never comes where pipelines feed each other in a circle', () => {
    const one = 'pipeline: a\nstages:\n  - name: one\n    from: y\n    to: x\n'
    const two = 'pipeline: b\nstages:\n  - name: two\n    from: x\n    to: y\n'
    expect(linksOf(one, two).isBounded('one')).toBe(false)
  })
})
