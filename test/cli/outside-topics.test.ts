import { describe, expect, it } from 'vitest'
import { runProgram } from '../../src/cli/program.ts'
import { createSystemClock } from '../../src/clock/system-clock.ts'
import { MemoryLog } from '../../src/logs/memory-log.ts'
import { aCliEnvironment } from './cli-environment.ts'
import { aFolder } from './temporary-folder.ts'

const totals = `pipeline: p
topics:
  raw:
    partitions: 2
stages:
  - name: make
    source:
      generate:
        count: 6
        template:
          c: { $choice: [a, b] }
          n: 1
    to: raw
  - name: totals
    from: raw
    steps:
      - require: value.n == 1
      - aggregate:
          by: value.c
          fields:
            n: sum(value.n)
    to: totals
`
const reader = 'pipeline: p\nstages:\n  - { name: c, from: theirs, sink: drop }\n'

/** Commands on a log that stands in for a cluster. */
function aCluster(file: string) {
  const log = new MemoryLog({ clock: createSystemClock() })
  const cwd = aFolder({ 'a.yaml': file })
  const on = ['--log', 'kafka://broker']
  const command = async (args: readonly string[], where: readonly string[] = on) => {
    const environment = aCliEnvironment({ cwd, openKafka: async () => log })
    const code = await runProgram([...args, ...where], environment)
    return { code, stdout: environment.stdout.text, stderr: environment.stderr.text }
  }
  return { log, command }
}

describe('a run on a cluster', () => {
  it('has the topology of Kafka, and commands look at what it wrote', async () => {
    const { log, command } = aCluster(totals)
    const { code, stderr } = await command(['run', 'a.yaml'])
    expect({ code, stderr }).toMatchObject({ code: 0 })
    const names = (await log.reader.topics()).map(({ name }) => name)
    for (const name of ['p.totals.repartition', 'p.totals.changelog']) expect(names).toContain(name)
    const tapped = await command(['tap', 'totals', '--json'])
    expect(tapped.stdout).toContain('"c":')
    expect(await command(['dlq', 'ls'])).toMatchObject({
      code: 0,
      stderr: 'There are no dead letters.\n',
    })
    expect((await command(['dlq', 'show', 'totals'])).code).toBe(0)
  })

  it('deletes topics only when that is said twice', async () => {
    const { log, command } = aCluster(totals)
    await command(['run', 'a.yaml', '--quiet'])
    await expect(command(['run', 'a.yaml', '--fresh'])).rejects.toThrow(
      /deletes the topics .* the Kafka log at kafka:\/\/broker:9092 .*add --yes/,
    )
    expect((await log.reader.topics()).find(({ name }) => name === 'totals')).toBeDefined()
    expect((await command(['run', 'a.yaml', '--fresh', '--yes', '--quiet'])).code).toBe(0)
  })

  it('tells where to look at failures', async () => {
    const { command } = aCluster(totals.replace('value.n == 1', 'value.n == 2'))
    const { stderr } = await command(['run', 'a.yaml'])
    expect(stderr).toMatch(/see why: millrace dlq show .* --log kafka:\/\/broker:9092$/m)
  })

  it('creates no topic that others should have made', async () => {
    const { log, command } = aCluster(reader)
    await expect(command(['run', 'a.yaml'])).rejects.toMatchObject({
      code: 'CONFIG_TOPOLOGY',
      message: expect.stringMatching(
        /^one topic is not on the Kafka log at kafka:\/\/broker:9092, and no stage writes to it: theirs; check the name/,
      ),
    })
    expect(await log.reader.topics()).toEqual([])
  })
})

describe('--no-create-topics', () => {
  it('ends a run with all topics that are missing, and the command that creates them', async () => {
    const { log, command } = aCluster(totals)
    const run = ['run', 'a.yaml', '--no-create-topics', '--quiet']
    await expect(command(run)).rejects.toThrow(
      /^10 topics are not on the Kafka log at kafka:\/\/broker:9092: raw, .*p\.totals\.changelog.*; create them with `millrace topics apply a\.yaml --log kafka:\/\/broker:9092`/,
    )
    expect(await log.reader.topics()).toEqual([])
    expect((await command(['topics', 'apply', 'a.yaml', '--yes'])).code).toBe(0)
    expect((await command(run)).code).toBe(0)
  })

  it('does so on the embedded log too', async () => {
    const { command } = aCluster(totals)
    const where = ['--data-dir', 'data']
    const run = ['run', 'a.yaml', '--no-create-topics', '--quiet']
    await expect(command(run, where)).rejects.toThrow(
      /on the embedded log in data: raw, .*`millrace topics apply a\.yaml --data-dir data`/,
    )
    await command(['topics', 'apply', 'a.yaml', '--yes'], where)
    expect((await command(run, where)).code).toBe(0)
  })

  it('tells topics of others apart', async () => {
    const { command } = aCluster(reader)
    await expect(command(['run', 'a.yaml', '--no-create-topics'])).rejects.toThrow(
      /^2 topics are not .*: p\.c\.dlq, p\.c\.replay; create them with .*; one topic is not .*, and no stage writes to it: theirs/,
    )
  })
})
