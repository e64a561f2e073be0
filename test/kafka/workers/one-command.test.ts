import { expect, it } from 'vitest'
import type { RunReport } from '../../../src/runtime/run-report.ts'
import { CliProcess, Workspace } from '../../e2e/cli-process.ts'
import { describeWithKafka, sharedBroker } from '../broker/describe-with-kafka.ts'
import { consumeAll } from '../java/kafka-tool.ts'
import { Fleet, tasksRun, uniqueName, untilComplete, untilTrue } from './fleet.ts'
import { expectedOf, foundIn } from './oracle.ts'
import { Workload } from './workload.ts'

const { address } = sharedBroker
const sessionTimeoutMs = 3_000

/** Ids of the processes of all workers, in the order in which they were started. */
function pidsOf({ stderr }: CliProcess): { readonly worker: number; readonly pid: number }[] {
  return [...stderr.matchAll(/worker (\d+) is process (\d+)/g)].map(([, worker, pid]) => ({
    worker: Number(worker),
    pid: Number(pid),
  }))
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const working = ({ stderr }: CliProcess) => stderr.includes('[3]') && stderr.includes('tasks\n')

async function startedFleet(fleet: Fleet, workload: Workload): Promise<CliProcess> {
  await workload.createTopic()
  const { process: parent } = fleet.start('--workers', '3', '--log-level', 'debug')
  await parent.until(working)
  return parent
}

describeWithKafka('one command with three workers', () => {
  it('replaces one that is killed, and ends with one exact report of them all', async () => {
    const workload = new Workload({ name: uniqueName('pool'), address, records: 40_000 })
    using fleet = new Fleet({ workload, address, sessionTimeoutMs })
    const parent = await startedFleet(fleet, workload)
    await workload.produce(20_000)
    const second = pidsOf(parent).find(({ worker }) => worker === 2)!
    process.kill(second.pid, 'SIGKILL')
    await parent.until((each) => pidsOf(each).length === 4)
    await workload.produce(20_000)
    const expected = await expectedOf(workload, address)
    await untilComplete(workload, { address, expected, withinMs: 60_000, fleet })
    parent.child.kill('SIGINT')
    const { code, stdout, stderr } = await parent.ended
    expect(code).toBe(130)
    expect(await foundIn(workload, address)).toEqual(expected.written)

    const report = JSON.parse(stdout) as RunReport
    expect(report.workers).toEqual([
      { worker: 1, starts: 1, state: 'ended' },
      { worker: 2, starts: 2, state: 'ended' },
      { worker: 3, starts: 1, state: 'ended' },
    ])
    const { ids, all } = tasksRun(report)
    expect(ids).toHaveLength(all)
    const [clean] = report.pipelines[0]!.stages
    // What the worker did in its last second it could not tell.
    expect(clean!.n).toBeLessThanOrEqual(workload.records + workload.partitions)
    expect(clean!.n).toBeGreaterThan(workload.records / 2)
    expect(stderr.match(/^pipeline .* stopped after .*, by 3 workers$/gm)).toHaveLength(1)
    expect(stderr).toContain('worker 2 was ended by SIGKILL; it is started again in 1 s')
    expect(stderr).toContain('Started worker 2 2 times.')
    expect(stderr.match(/stopping: finishing/g)).toHaveLength(1)
    expect(pidsOf(parent).filter(({ pid }) => isAlive(pid))).toEqual([])
  }, 120_000)

  it('counts every record once, and ends with 0 when all input is worked off', async () => {
    const name = uniqueName('bounded')
    const count = 20_000
    const pipeline = `
pipeline: ${name}
stages:
  - name: ingest
    source:
      generate:
        count: ${count}
        template:
          n:
            $sequence: "%d"
    key: value.n
    to: ${name}.in
  - name: clean
    from: ${name}.in
    steps:
      - cast:
          n: integer
      - filter: value.n % 2 == 0
    to: ${name}.out
`
    using workspace = new Workspace({ 'pipeline.yaml': pipeline })
    const log = ['--log', `kafka://${address}`, '--data-dir', 'data', '--json', '--workers', '2']
    const run = new CliProcess(['run', 'pipeline.yaml', ...log], { cwd: workspace.folder })
    const { code, stdout, stderr } = await run.ended
    expect(code, stderr).toBe(0)
    const { pipelines } = JSON.parse(stdout) as RunReport
    expect(pipelines[0]).toMatchObject({ outcome: 'completed', error: null })
    const [ingest, clean] = pipelines[0]!.stages
    expect([ingest!.n, clean!.n]).toEqual([count, count])
    expect(clean!.dispositions).toMatchObject({ emitted: count / 2, filtered: count / 2 })
    expect(clean!.tasksRun).toHaveLength(clean!.tasks)
    const isolation = 'read_committed' as const
    expect(await consumeAll(address, `${name}.out`, { isolation })).toHaveLength(count / 2)
    // A worker says nothing of its own that the summary says of all.
    expect(stderr.match(/^pipeline /gm)).toHaveLength(1)
    expect(stderr.match(/completed after/g)).toHaveLength(1)
  }, 60_000)

  it('leaves no worker behind, when it is killed or told to stop for the second time', async () => {
    const workload = new Workload({ name: uniqueName('orphans'), address, records: 10_000 })
    using fleet = new Fleet({ workload, address, sessionTimeoutMs })
    const parent = await startedFleet(fleet, workload)
    await workload.produce(10_000)
    parent.child.kill('SIGKILL')
    await parent.ended
    const alive = () => pidsOf(parent).filter(({ pid }) => isAlive(pid))
    await untilTrue(() => alive().length === 0, {
      withinMs: 10_000,
      otherwise: () => `still there: ${JSON.stringify(alive())}`,
    })

    const { process: again } = fleet.start('--workers', '3', '--log-level', 'debug')
    await again.until(working)
    again.child.kill('SIGTERM')
    await again.until((each) => each.stderr.includes('once more stops at once'))
    again.child.kill('SIGTERM')
    const { code } = await again.ended
    expect(code).toBe(1)
    const left = () => pidsOf(again).filter(({ pid }) => isAlive(pid))
    await untilTrue(() => left().length === 0, {
      withinMs: 2_000,
      otherwise: () => `still there: ${JSON.stringify(left())}`,
    })
  }, 60_000)

  it('tells a mistake once, before there are workers', async () => {
    const workload = new Workload({ name: uniqueName('mistake'), address, records: 0 })
    using fleet = new Fleet({ workload, address, sessionTimeoutMs })
    const { code, stderr } = await fleet.start('--workers', '3').ended
    expect(code).toBe(2)
    expect(stderr.match(/one topic is not on the Kafka log/g)).toHaveLength(1)
    expect(stderr).not.toContain('[1]')
  }, 30_000)
})
