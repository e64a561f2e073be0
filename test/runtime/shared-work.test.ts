import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Run } from '../../src/runtime/start-run.ts'
import type { Topology } from '../../src/topology/topology.ts'
import { MemoryWorkGroups, type MemoryWorker } from './memory-work-group.ts'
import { plannedListener, plannedSource, RunBench, turns, until } from './run-fixture.ts'

const count = 90
const numbers = Array.from({ length: count }, (_, n) => ({ n, c: n % 5 }))
const upTo = (end: number) => Array.from({ length: end }, (_, n) => n)

const text = `
pipeline: p
stages:
  - name: ingest
    source: { numbers: 1 }
    key: value.c
    to: one
  - name: clean
    from: one
    steps:
      - dedupe:
          by: value.n
    to: two
  - name: totals
    from: two
    steps:
      - aggregate:
          by: value.c
          fields: { n: count(), sum: sum(value.n) }
    to: three
    hooks:
      - on: [stage_started, stage_stopped]
        do:
          told: 1
`

interface Worker {
  readonly run: Run
  readonly group: MemoryWorker
  readonly stop: () => void
}

/** Workers over one log; each has its own run of the same pipelines. */
class Workers {
  readonly bench = new RunBench()
  readonly groups = new MemoryWorkGroups()
  readonly told = plannedListener('told')

  topology(file = text, options: { sliceSize?: number; bounded?: boolean } = {}): Topology {
    const { sliceSize = 4, bounded = true } = options
    // Slow enough for workers to come and go in between.
    const plan = { values: numbers, sliceSize, bounded, before: () => turns(10) }
    return this.bench.topology(file, {
      sources: [plannedSource('numbers', plan, this.bench.clock)],
      listeners: [this.told.definition],
      partitions: 3,
    })
  }

  async start(topologies: readonly Topology[], follow = false): Promise<Worker> {
    const group = this.groups.worker()
    const stop = new AbortController()
    const run = await this.bench.startWorker(topologies, { follow, group, signal: stop.signal })
    return { run, group, stop: () => stop.abort() }
  }

  /** The numbers that were written, by key in the order of the topic, and the last total of each. */
  async results(): Promise<Results> {
    const results: Results = upTo(5).map(() => ({ written: [], total: null }))
    for (const { value } of await this.bench.records('two')) {
      const { c, n } = value as { c: number; n: number }
      results[c]!.written.push(n)
    }
    for (const { value } of await this.bench.records('three')) {
      results[(value as { c: number }).c]!.total = value
    }
    return results
  }
}

type Results = { written: number[]; total: unknown }[]

const exactly: Results = upTo(5).map((c) => {
  const written = upTo(count).filter((n) => n % 5 === c)
  return { written, total: { c, n: written.length, sum: written.reduce((sum, n) => sum + n, 0) } }
})
const outcomeOf = async ({ run }: Worker) => (await run.report()).pipelines[0]!.outcome
const stagesOf = async ({ run }: Worker) => (await run.report()).pipelines[0]!.stages

describe('workers that share a pipeline', () => {
  it('run each task once between them, and end together', async () => {
    const workers = new Workers()
    const all = [
      await workers.start([workers.topology()]),
      await workers.start([workers.topology()]),
    ]
    await Promise.all(all.map(({ run }) => run.done))
    expect(await Promise.all(all.map(outcomeOf))).toEqual(['completed', 'completed'])
    expect(await workers.results()).toEqual(exactly)
    const [first, second] = await Promise.all(all.map(stagesOf))
    for (const [index, stage] of first!.entries()) {
      const other = second![index]!
      expect(stage.n + other.n).toBe(count)
      expect(new Set([...stage.tasksRun, ...other.tasksRun]).size).toBe(stage.tasks)
    }
    expect(first!.map(({ stage, tasks }) => [stage, tasks])).toEqual([
      ['ingest', 1],
      ['clean', 3],
      // Half of them bring the groups together.
      ['totals', 6],
    ])
  })

  it('take over from one that stops, and give tasks to one that comes, each task exactly', async () => {
    const workers = new Workers()
    const topology = workers.topology()
    const first = await workers.start([topology])
    await until(async () => (await workers.bench.records('two')).length > 10)
    const second = await workers.start([topology])
    await until(() => workers.groups.assignment('p')[1]?.length === 5)
    expect(workers.groups.assignment('p').map(({ length }) => length)).toEqual([5, 5])
    first.stop()
    await first.run.done
    expect(await outcomeOf(first)).toBe('stopped')
    await second.run.done
    expect(await outcomeOf(second)).toBe('completed')
    expect(await workers.results()).toEqual(exactly)
  })

  it('write exactly what one would, whenever they come, stop, or are cut off and come back', async () => {
    const act = fc.constantFrom('start', 'stop', 'cut off', 'come back')
    const acts = fc.array(fc.tuple(fc.nat(30), act, fc.nat(2)), { maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(acts, async (schedule) => {
        const workers = new Workers()
        const topology = workers.topology()
        const all = [await workers.start([topology])]
        for (const [afterTurns, what, which] of schedule) {
          await turns(afterTurns)
          const worker = all[which % all.length]!
          if (what === 'start') all.push(await workers.start([topology]))
          if (what === 'stop') worker.stop()
          if (what === 'cut off') worker.group.cutOff()
          if (what === 'come back') await worker.group.comeBack()
        }
        const last = await workers.start([topology])
        await last.run.done
        expect(await outcomeOf(last)).toBe('completed')
        expect(await workers.results()).toEqual(exactly)
        for (const { stop, run, group } of all) {
          stop()
          await group.comeBack()
          await run.done
          expect(run.runs[0]!.error).toBeNull()
        }
      }),
      { numRuns: 40 },
    )
  })

  it('are refused when they run another file under the same name', async () => {
    const workers = new Workers()
    const first = await workers.start([workers.topology()])
    const other = workers.topology(text.replace('to: two', 'limits: { lag: 5 }\n    to: two'))
    const second = await workers.start([other])
    await second.run.done
    expect(second.run.runs[0]!.error?.code).toBe('CONFIG_INCOMPATIBLE')
    await first.run.done
    expect(await outcomeOf(first)).toBe('completed')
  })
})

describe('a worker whose tasks others have taken', () => {
  it('commits nothing more of them, fails nothing by it, and takes part again', async () => {
    const workers = new Workers()
    const topology = workers.topology()
    const zombie = await workers.start([topology])
    await until(async () => (await workers.bench.records('two')).length > 10)
    zombie.group.cutOff()
    const heir = await workers.start([topology])
    await until(async () => (await workers.bench.records('two')).length > 50)
    await zombie.group.comeBack()
    await heir.run.done
    await zombie.run.done
    expect(await Promise.all([zombie, heir].map(outcomeOf))).toEqual(['completed', 'completed'])
    expect(await workers.results()).toEqual(exactly)
  })

  it('begins those again that are still its own', async () => {
    const workers = new Workers()
    const worker = await workers.start([workers.topology()])
    await until(async () => (await workers.bench.records('two')).length > 10)
    // Somebody outside the group takes the task, as a zombie does that was slow to learn of its end.
    const inputs = [{ topic: 'one', partition: 1 }]
    await workers.bench.log.openTask({
      id: 'p.clean/1',
      group: 'p.clean',
      inputs,
      start: 'earliest',
    })
    await turns(1_000)
    expect(await outcomeOf(worker)).toBe('running')
    await workers.bench.clock.advance(1_000)
    await worker.run.done
    expect(await workers.results()).toEqual(exactly)
  })

  it('does not begin again what was revoked in the meantime', async () => {
    const workers = new Workers()
    const topology = workers.topology()
    const worker = await workers.start([topology])
    await until(async () => (await workers.bench.records('two')).length > 10)
    const inputs = [{ topic: 'one', partition: 1 }]
    const spec = { id: 'p.clean/1', group: 'p.clean', inputs, start: 'earliest' } as const
    const thief = await workers.bench.log.openTask(spec)
    await turns(1_000)
    worker.group.cutOff()
    const other = await workers.start([topology])
    await workers.bench.clock.advance(1_000)
    worker.stop()
    await worker.run.done
    // The heir has taken it from the thief; that the first one does so too would show in its tasks.
    await expect(thief.commit({ outputs: [], state: [], next: [] })).rejects.toThrow(/opened again/)
    await other.run.done
    expect(await workers.results()).toEqual(exactly)
  })

  it('forgets what it knew of ends when the others have begun anew', async () => {
    const workers = new Workers()
    const topology = workers.topology()
    const zombie = await workers.start([topology])
    await until(async () => (await workers.bench.records('one')).length === count)
    zombie.group.cutOff()
    const second = await workers.start([topology])
    await second.run.done
    await zombie.group.comeBack()
    await zombie.run.done
    expect(await outcomeOf(zombie)).toBe('completed')
    expect(await workers.results()).toEqual(exactly)
  })
})

describe('pipelines of which one reads what the other writes', () => {
  const reader = `
pipeline: reader
stages:
  - name: sums
    from: two
    steps:
      - aggregate:
          fields: { n: count() }
    to: sums
`

  it('end on all workers, wherever their tasks run', async () => {
    const workers = new Workers()
    const both = () => [workers.topology(), workers.topology(reader)]
    const all = [await workers.start(both()), await workers.start(both())]
    await Promise.all(all.map(({ run }) => run.done))
    for (const { run } of all) {
      const { pipelines } = await run.report()
      expect(pipelines.map(({ outcome }) => outcome)).toEqual(['completed', 'completed'])
    }
    expect(await workers.results()).toEqual(exactly)
    expect((await workers.bench.records('sums')).at(-1)!.value).toEqual({ n: count })
  })

  it('hear of an end that came before they were given their tasks', async () => {
    const workers = new Workers()
    const both = () => [workers.topology(), workers.topology(reader)]
    const first = await workers.start(both())
    await until(async () => (await workers.bench.records('two')).length > 50)
    const second = await workers.start(both())
    await until(async () => (await workers.bench.records('two')).length === count)
    first.stop()
    await Promise.all([first.run.done, second.run.done])
    const { pipelines } = await second.run.report()
    expect(pipelines.map(({ outcome }) => outcome)).toEqual(['completed', 'completed'])
    expect((await workers.bench.records('sums')).at(-1)!.value).toEqual({ n: count })
  })
})

describe('workers that follow their input', () => {
  it('wait for more when all has ended, also with tasks that they have taken over', async () => {
    const workers = new Workers()
    const topology = workers.topology()
    const first = await workers.start([topology], true)
    const second = await workers.start([topology], true)
    await until(async () => (await workers.bench.records('two')).length === count)
    first.stop()
    await first.run.done
    await until(() => workers.groups.assignment('p')[0]!.length === 10)
    await turns(200)
    expect(await outcomeOf(second)).toBe('running')
    second.stop()
    await second.run.done
    expect(await workers.results()).toEqual(exactly)
  })
})

describe('the events of stages on a worker', () => {
  it('tell when it gets the first task of a stage, and when it has none any more', async () => {
    const workers = new Workers()
    const topology = workers.topology(text, { bounded: false })
    const { events } = workers.told
    const first = await workers.start([topology])
    await until(() => events.length === 1)
    expect(events[0]).toMatchObject({ event: 'stage_started', data: { tasks: 6 } })
    const second = await workers.start([topology])
    await until(() => events.length === 2)
    expect(events[1]).toMatchObject({ event: 'stage_started', data: { tasks: 5 } })
    second.stop()
    await second.run.done
    expect(events[2]).toMatchObject({ event: 'stage_stopped', data: { phase: 'stopped' } })
    first.stop()
    await first.run.done
    expect(events).toHaveLength(4)
  })

  it('are not told by one that never had a task', async () => {
    const workers = new Workers()
    const topology = workers.topology(text, { bounded: false })
    const all = await Promise.all(upTo(11).map(() => workers.start([topology])))
    await turns(300)
    for (const { stop } of all) stop()
    await Promise.all(all.map(({ run }) => run.done))
    const idle = all.at(-1)!
    expect((await stagesOf(idle)).map(({ tasksRun }) => tasksRun)).toEqual([[], [], []])
    expect((await stagesOf(idle)).map(({ phase }) => phase)).toEqual(upTo(3).map(() => 'elsewhere'))
  })
})

describe('idle time among workers', () => {
  // One key: all partitions but one stay empty, and only idle time lets windows close.
  const windows = `
pipeline: p
stages:
  - name: ingest
    source: { numbers: 1 }
    key: 1
    to: one
  - name: clean
    from: one
    steps:
      - filter: value.n >= 0
    to: two
  - name: totals
    from: two
    idle: 10s
    event_time: 1000 * value.n
    steps:
      - aggregate:
          window: { tumbling: 10s }
          by: value.c
          fields: { n: count() }
    to: three
`

  it('closes windows when a writer on another worker has had nothing to do for long', async () => {
    const workers = new Workers()
    const topology = workers.topology(windows, { bounded: false })
    const all = [await workers.start([topology]), await workers.start([topology])]
    await until(async () => (await workers.bench.records('two')).length === count)
    await turns(300)
    expect(await workers.bench.records('three')).toEqual([])
    for (let second = 0; second < 12; second++) await workers.bench.clock.advance(1_000)
    await until(async () => (await workers.bench.records('three')).length === 8 * 5)
    for (const { stop } of all) stop()
    await Promise.all(all.map(({ run }) => run.done))
  })

  it('begins anew for a task that another worker takes over', async () => {
    const workers = new Workers()
    const { clock } = workers.bench
    const topology = workers.topology(windows, { bounded: false })
    const all = [await workers.start([topology]), await workers.start([topology])]
    const quietSinceUs = () => workers.groups.quietSinceUs('p', 'p.ingest/0')
    await until(() => quietSinceUs() !== null)
    const before = quietSinceUs()!
    await clock.advance(5_000)
    expect(quietSinceUs()).toBe(before)
    all[0]!.stop()
    await all[0]!.run.done
    await until(() => quietSinceUs() !== before && quietSinceUs() !== null)
    expect(quietSinceUs()).toBe(before + 5_000_000)
    all[1]!.stop()
    await all[1]!.run.done
  })
})
