import { describe, expect, it } from 'vitest'
import { graphOfTopologies } from '../../src/cli/trace-graph.ts'
import { decodedOrNull, type LoggedRecord } from '../../src/cli/trace-record.ts'
import { TraceSearch } from '../../src/cli/trace-search.ts'
import { TraceWalk, type TraceWay } from '../../src/cli/trace-walk.ts'
import { plannedSource, RunBench, WorkingClock } from '../runtime/run-fixture.ts'

const text = `
pipeline: p
stages:
  - name: ingest
    source: { numbers: 1 }
    key: value.k
    to: raw
  - name: clean
    from: raw
    steps:
      - require: value.n % 10 != 3
      - filter: value.n % 10 != 7
      - set: { seen: true }
    to: clean
  - name: last
    from: clean
    steps:
      - set: { twice: value.n * 2 }
    to: last
`

/** Records that differ in one field only, many in one instant; every tenth fails and every tenth is dropped. */
const records = Array.from({ length: 600 }, (_, n) => ({ n, k: `k-${n % 7}`, country: 'DE' }))

async function aRun(values: readonly object[] = records) {
  const bench = new RunBench(new WorkingClock(Date.UTC(2026, 0, 1)))
  const source = plannedSource('numbers', { values: values as never, sliceSize: 200 }, bench.clock)
  const topology = bench.topology(text, { sources: [source], partitions: 3 })
  const run = await bench.start([topology])
  await run.done
  return { bench, graph: graphOfTopologies([topology]) }
}

type Ran = Awaited<ReturnType<typeof aRun>>

async function search({ bench }: Ran, limit = 1_000_000) {
  return new TraceSearch(bench.log.reader, await bench.log.reader.topics(), limit)
}

async function follow(ran: Ran, topic: string, n: number): Promise<TraceWay> {
  const looking = await search(ran)
  const [found] = await looking.newest([topic], ({ batch }, index) => {
    return (JSON.parse(batch.valueText(index)!) as { n: number }).n === n
  })
  return new TraceWalk(ran.graph, looking).from(found!)
}

function numberOf({ value }: LoggedRecord): unknown {
  return (decodedOrNull(value) as { n: number }).n
}

function placesOf({ hops }: TraceWay): string[] {
  return hops.map(({ record, outcome }) => `${record.topic} ${outcome}`)
}

describe('the way of a record', () => {
  it('goes through the same record of every topic, wherever it is begun, for every record', async () => {
    const ran = await aRun()
    for (let n = 0; n < records.length; n += 9) {
      const way = await follow(ran, 'raw', n)
      const wanted = n % 10 === 3 || n % 10 === 7 ? null : ['raw', 'clean', 'last']
      if (wanted !== null) expect(way.hops.map(({ record }) => record.topic)).toEqual(wanted)
      expect(way.hops.map(({ record }) => numberOf(record))).toEqual(way.hops.map(() => n))
    }
    const up = await follow(ran, 'last', 42)
    expect(placesOf(up)).toEqual(['raw stored', 'clean stored', 'last stored'])
    expect(up.hops.map(({ record }) => numberOf(record))).toEqual([42, 42, 42])
  })

  it('has times that add up from one place to the next', async () => {
    const { hops } = await follow(await aRun(), 'raw', 250)
    let beforeUs = hops[0]!.record.ingestUs
    for (const { record, step } of hops) {
      expect(step!.waitUs).toBeGreaterThanOrEqual(0)
      expect(step!.runUs).toBeGreaterThan(0)
      expect(beforeUs + step!.waitUs + step!.runUs).toBeCloseTo(record.leftUs, 0)
      beforeUs = record.leftUs
    }
  })

  it('ends at its dead letter, which is found from the dead letter too', async () => {
    const ran = await aRun()
    const way = await follow(ran, 'raw', 13)
    expect(placesOf(way)).toEqual(['raw stored', 'p.clean.dlq dead_lettered'])
    expect(placesOf(await follow(ran, 'p.clean.dlq', 13))).toEqual(placesOf(way))
  })

  it('says that a record which was dropped has left nothing, and takes no other for it', async () => {
    const way = await follow(await aRun(), 'raw', 17)
    expect(placesOf(way)).toEqual(['raw stored'])
    expect(way.notes.join()).toContain('behind clean nothing of it was found')
  })

  it('tells records that are the same in all but their time by their order', async () => {
    const ran = await aRun(Array.from({ length: 20 }, () => ({ n: 1, k: 'k', country: 'DE' })))
    const looking = await search(ran)
    const all = await looking.newest(['raw'], () => true)
    const ends = new Set<string>()
    for (const record of all) {
      const { hops } = await new TraceWalk(ran.graph, looking).from(record)
      expect(hops.map(({ record: { topic } }) => topic)).toEqual(['raw', 'clean', 'last'])
      expect(hops.map(({ matchedBy }) => matchedBy)).not.toContain('content')
      ends.add(String(hops.at(-1)!.record.offset))
    }
    expect(ends.size).toBe(20)
  })

  it('looks at no more records than it may, and says what it has left out', async () => {
    const ran = await aRun()
    const looking = await search(ran, 50)
    await looking.newest(['raw', 'clean', 'last'], () => false)
    expect(looking.looked).toBeLessThanOrEqual(600)
    expect(looking.skipped.length).toBeGreaterThan(0)
    expect(looking.skipped.join()).toMatch(/records before offset|limit of --scan/)
  })
})
