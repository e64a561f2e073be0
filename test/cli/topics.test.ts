import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { runProgram } from '../../src/cli/program.ts'
import { createSystemClock } from '../../src/clock/system-clock.ts'
import type { TopicSpec } from '../../src/core/log.ts'
import { MemoryLog } from '../../src/logs/memory-log.ts'
import { aCliEnvironment } from './cli-environment.ts'
import { aFolder } from './temporary-folder.ts'

/** Stands in for a cluster: it can do with topics what Kafka can. */
let cluster = new MemoryLog({ clock: createSystemClock() })
beforeEach(() => {
  cluster = new MemoryLog({ clock: createSystemClock() })
})

interface Asked {
  readonly cwd: string
  readonly answers?: string
  readonly kafka?: boolean
}

async function topics(args: readonly string[], { cwd, answers, kafka = false }: Asked) {
  const environment = aCliEnvironment({
    cwd,
    openKafka: async () => cluster,
    ...(answers === undefined ? {} : { answers }),
  })
  const where = kafka ? ['--log', 'kafka://broker'] : []
  const code = await runProgram(['topics', ...args, ...where], environment)
  return { code, stdout: environment.stdout.text, stderr: environment.stderr.text }
}

const file = (settings: string, more = '') => `pipeline: p
topics:
  raw: ${settings}
stages:
  - name: read
    source: stdin
${more}    to: raw
  - name: copy
    from: raw
    to: copied
`

async function stored(names: readonly string[]): Promise<readonly TopicSpec[]> {
  return cluster.admin.describeTopics(names)
}

describe('millrace topics on the embedded log', () => {
  it('plans without making a data directory, and then creates what is missing', async () => {
    const cwd = aFolder({ 'a.yaml': file('{ partitions: 2, retention: 36h }') })
    const plan = await topics(['plan', 'a.yaml'], { cwd })
    expect(plan).toEqual({
      code: 0,
      stderr: '',
      stdout: `Topics on the embedded log in ./.millrace

  + raw            2 partitions, kept for 36h
  + p.read.dlq     1 partition, kept for 7d
  + copied         4 partitions, kept for 7d
  + p.copy.dlq     2 partitions, kept for 7d
  + p.copy.replay  2 partitions, kept for 7d

5 to create, 0 to change, 0 as wanted.
`,
    })
    expect(existsSync(join(cwd, '.millrace'))).toBe(false)
    const apply = await topics(['apply', 'a.yaml', '--yes'], { cwd })
    expect(apply).toEqual({
      code: 0,
      stdout: plan.stdout,
      stderr: '5 topics were created or changed.\n',
    })
    const again = await topics(['apply', 'a.yaml'], { cwd })
    expect(again.code).toBe(0)
    expect(again.stdout).toMatch(/Nothing to do: 5 topics are as wanted\.\n$/)
  })

  it('changes the retention, and refuses more partitions and compaction', async () => {
    const cwd = aFolder({
      'a.yaml': file('{ partitions: 2 }'),
      'b.yaml': file('{ partitions: 2, retention: 30d, replication: 3 }'),
      'c.yaml': file('{ partitions: 8, retention: 30d }'),
      'd.yaml': file('{ cleanup: compact }', '    key: value.id\n'),
    })
    await topics(['apply', 'a.yaml', '--yes'], { cwd })
    const changed = await topics(['apply', 'b.yaml', '--yes'], { cwd })
    expect(changed.stdout).toMatch(/^ {2}~ raw {2}retention 7d -> 30d$/m)
    expect(changed.stderr).toBe('1 topic was created or changed.\n')
    const refused = await topics(['apply', 'c.yaml', '--yes'], { cwd })
    expect(refused.code).toBe(2)
    expect(refused.stdout).toMatch(
      /^ {2}! raw .*2 partitions and would have 8.*embedded.*"partitions: 2"/m,
    )
    expect(refused.stdout).toMatch(/that cannot be done, so nothing is\.\n$/)
    const compacted = await topics(['plan', 'd.yaml'], { cwd })
    expect(compacted).toMatchObject({ code: 2, stdout: '' })
    expect(compacted.stderr).toContain(
      'd.yaml:3:19: topics.raw.cleanup: "cleanup: compact" needs Kafka',
    )
  })
})

describe('millrace topics on Kafka', () => {
  const kafka = true

  it('creates topics with all their settings, the changelogs among them', async () => {
    const cwd = aFolder({
      'a.yaml': file('{ cleanup: compact, replication: 3 }', '    key: value.id\n'),
    })
    const { code, stdout } = await topics(['apply', 'a.yaml', '--yes'], { cwd, kafka })
    expect(code).toBe(0)
    expect(stdout).toContain('Topics on the Kafka log at kafka://broker:9092')
    expect(stdout).toMatch(/^ {2}\+ raw {15}4 partitions, compacted, 3 copies$/m)
    expect(await stored(['raw', 'p.read.changelog'])).toEqual([
      { name: 'raw', partitions: 4, retentionMs: null, cleanup: 'compact', replication: 3 },
      { name: 'p.read.changelog', partitions: 1, retentionMs: null, cleanup: 'compact' },
    ])
    const grown = aFolder({
      'a.yaml': file('{ retention: 1d, replication: 2 }', '    key: value.id\n'),
    })
    const plan = await topics(['plan', 'a.yaml'], { cwd: grown, kafka })
    expect(plan.stdout).toMatch(
      /^ {2}~ raw {2}retention for ever -> 1d, cleanup compact -> delete$/m,
    )
    expect(plan.stdout).toMatch(
      /^ {2}\? raw {2}it has 3 copies .* says 2: kafka-reassign-partitions/m,
    )
  })

  it('adds partitions where records have no key, with those of the dead letters', async () => {
    const cwd = aFolder({
      'a.yaml': file('{ partitions: 2 }'),
      'b.yaml': file('{ partitions: 6 }'),
    })
    await topics(['apply', 'a.yaml', '--yes'], { cwd, kafka })
    const manifest = {
      version: 1,
      topics: { raw: 2, 'p.copy.dlq': 2 },
      reads: [],
      writes: [],
      nodes: {},
    }
    await cluster.admin.storeManifest('p', JSON.stringify(manifest))
    const { code, stdout } = await topics(['apply', 'b.yaml', '--yes'], { cwd, kafka })
    expect(stdout).toMatch(/^ {2}~ raw {12}partitions 2 -> 6$/m)
    expect(stdout).toMatch(/^ {2}~ p\.copy\.dlq {5}partitions 2 -> 6$/m)
    expect(stdout).toMatch(/^ {2}~ p\.copy\.replay {2}partitions 2 -> 6$/m)
    expect(code).toBe(0)
    expect(await stored(['raw', 'p.copy.dlq'])).toMatchObject([
      { partitions: 6 },
      { partitions: 6 },
    ])
    // A run compares the file with what is remembered: it has to know of the change.
    expect(JSON.parse((await cluster.admin.loadManifest('p'))!)).toMatchObject({
      topics: { raw: 6, 'p.copy.dlq': 6 },
    })
  })

  const dedupe = (from: string) =>
    `  - { name: once, from: ${from}, steps: [{ dedupe: { by: key } }], to: unique }\n`

  it.each<[string, string, string, RegExp]>([
    [
      'there would be fewer',
      file('{ partitions: 4 }'),
      file('{ partitions: 2 }'),
      /never takes one away: write "partitions: 4"/,
    ],
    [
      'records have keys',
      file('{}', '    key: value.id\n'),
      file('{ partitions: 8 }', '    key: value.id\n'),
      /of one key would lie in two of them/,
    ],
    [
      'a stage keeps state by them',
      file('{}') + dedupe('raw'),
      file('{ partitions: 8 }') + dedupe('raw'),
      /"once" keeps state for each of them/,
    ],
    [
      'nobody knows the keys',
      'pipeline: p\ntopics:\n  raw: {}\nstages:\n  - { name: c, from: raw, to: b }\n',
      'pipeline: p\ntopics:\n  raw: { partitions: 8 }\nstages:\n  - { name: c, from: raw, to: b }\n',
      /of one key/,
    ],
  ])(
    'refuses other partitions where %s, and changes nothing',
    async (_why, before, after, reason) => {
      const cwd = aFolder({ 'a.yaml': before, 'b.yaml': after })
      await topics(['apply', 'a.yaml', '--yes'], { cwd, kafka })
      const { code, stdout } = await topics(['apply', 'b.yaml', '--yes'], { cwd, kafka })
      expect(code).toBe(2)
      expect(stdout).toMatch(new RegExp(`^  ! raw .*${reason.source}`, 'm'))
      expect((await stored(['raw']))[0]!.partitions).toBe(4)
    },
  )

  it('refuses to touch the parts that state lies in', async () => {
    const totals = (partitions: number) =>
      `pipeline: p\ntopics:\n  raw: { partitions: ${partitions} }\nstages:\n  - { name: t, from: raw, steps: [{ aggregate: { by: value.c, fields: { n: count() } } }], to: b }\n`
    const cwd = aFolder({ 'a.yaml': totals(4), 'b.yaml': totals(8) })
    await topics(['apply', 'a.yaml', '--yes'], { cwd, kafka })
    const { stdout } = await topics(['plan', 'b.yaml'], { cwd, kafka })
    for (const name of ['p.t.repartition', 'p.t.changelog', 'p.t.repartition.changelog'])
      expect(stdout).toMatch(
        new RegExp(`^  ! ${name.replaceAll('.', '\\.')} .*the state of its stage`, 'm'),
      )
  })

  it('refuses partitions of a topic that another pipeline uses as well', async () => {
    const cwd = aFolder({ 'a.yaml': file('{}'), 'b.yaml': file('{ partitions: 8 }') })
    await topics(['apply', 'a.yaml', '--yes'], { cwd, kafka })
    const other = { version: 1, topics: { raw: 4 }, reads: ['raw'], writes: [], nodes: {} }
    await cluster.admin.storeManifest('other', JSON.stringify(other))
    const { stdout } = await topics(['plan', 'b.yaml'], { cwd, kafka })
    expect(stdout).toMatch(/^ {2}! raw .*the pipeline "other" uses it too: name its file/m)
  })

  it('leaves topics of others alone, and misses those that are not there', async () => {
    const cwd = aFolder({
      'a.yaml': 'pipeline: p\nstages:\n  - { name: c, from: theirs, to: b }\n',
    })
    const missing = await topics(['plan', 'a.yaml'], { cwd, kafka })
    expect(missing.code).toBe(2)
    expect(missing.stdout).toMatch(/^ {2}! theirs .*no stage writes to it: check the name/m)
    await cluster.admin.ensureTopics([{ name: 'theirs', partitions: 9, retentionMs: null }])
    const { code, stdout } = await topics(['plan', 'a.yaml'], { cwd, kafka })
    expect(code).toBe(0)
    expect(stdout).not.toContain('theirs')
    expect(stdout).toMatch(/^ {2}\+ p\.c\.dlq {5}9 partitions/m)
  })

  it('gives the plan as JSON', async () => {
    const cwd = aFolder({
      'a.yaml': file('{ partitions: 2 }'),
      'b.yaml': file('{ partitions: 1, retention: 1d }'),
    })
    await topics(['apply', 'a.yaml', '--yes'], { cwd, kafka })
    const { stdout, code } = await topics(['plan', 'b.yaml', '--json'], { cwd, kafka })
    expect(code).toBe(2)
    expect(JSON.parse(stdout)).toEqual({
      create: [],
      change: [
        {
          name: 'raw',
          partitions: { from: 2, to: 1 },
          retention_ms: { from: 604_800_000, to: 86_400_000 },
        },
        { name: 'p.copy.dlq', partitions: { from: 2, to: 1 } },
        { name: 'p.copy.replay', partitions: { from: 2, to: 1 } },
      ],
      refused: [
        { name: 'raw', reason: expect.stringContaining('never takes one away') },
        { name: 'p.copy.dlq', reason: expect.stringContaining('never takes one away') },
        { name: 'p.copy.replay', reason: expect.stringContaining('never takes one away') },
      ],
      notes: [],
      unchanged: 3,
    })
  })
})

describe('before topics are changed', () => {
  it.each([
    ['y\n', 0, true],
    ['YES\n', 0, true],
    ['n\n', 1, false],
    ['\n', 1, false],
    ['', 1, false],
    ['yesterday\n', 1, false],
  ])('somebody is asked: %j', async (answers, code, isDone) => {
    const cwd = aFolder({ 'a.yaml': file('{}') })
    const result = await topics(['apply', 'a.yaml'], { cwd, kafka: true, answers })
    expect(result.code).toBe(code)
    expect(result.stderr).toContain('Carry out these 6 changes? [y/N] ')
    expect(await stored(['raw'])).toHaveLength(isDone ? 1 : 0)
    if (!isDone) expect(result.stderr).toContain('Nothing was changed.')
  })

  it('--yes is needed where nobody can be asked', async () => {
    const cwd = aFolder({ 'a.yaml': file('{}') })
    const applied = topics(['apply', 'a.yaml'], { cwd, kafka: true })
    await expect(applied).rejects.toMatchObject({
      code: 'CONFIG_USAGE',
      message: expect.stringContaining('add --yes'),
    })
    expect(await stored(['raw'])).toEqual([])
  })

  it('a file with errors ends it', async () => {
    const cwd = aFolder({ 'a.yaml': 'pipeline: p\n' })
    for (const verb of ['plan', 'apply']) {
      const { code, stdout, stderr } = await topics([verb, 'a.yaml'], { cwd })
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
      expect(stderr).toContain('"stages" is missing')
    }
  })
})
