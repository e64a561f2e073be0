import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runProgram } from '../../src/cli/program.ts'
import { createSystemClock } from '../../src/clock/system-clock.ts'
import { openWritableLog } from '../../src/logs/embedded/open-embedded-log.ts'
import { RecordBatchBuilder } from '../../src/core/record-batch-builder.ts'
import { emptyBytes } from '../../src/core/record-batch.ts'
import { timingsTopic } from '../../src/runtime/timings-record.ts'
import { aCliEnvironment } from './cli-environment.ts'
import { aFolder } from './temporary-folder.ts'

const pipeline = `pipeline: shop
stages:
  - name: read
    source:
      file:
        path: ./in.ndjson
    key: value.id
    to: shop.raw
  - name: clean
    from: shop.raw
    steps:
      - require: value.amount > 0
      - trim: [country]
    event_time: value.at
    hooks:
      - on: record_dead_lettered
        do: { log: { level: debug } }
    to: shop.clean
  - name: totals
    from: shop.clean
    steps:
      - aggregate:
          window: { tumbling: 1h }
          by: value.country
          fields:
            orders: count()
    to: shop.totals
`
const hostile = 'k\u001b[2J\u202e/x'

function aShop(records: readonly object[]): string {
  const cwd = aFolder()
  writeFileSync(join(cwd, 'shop.yaml'), pipeline)
  writeFileSync(join(cwd, 'in.ndjson'), records.map((each) => `${JSON.stringify(each)}\n`).join(''))
  return cwd
}

const orders = [
  ...Array.from({ length: 120 }, (_, n) => ({
    id: `o-${n}`,
    amount: n === 7 ? -1 : n + 1,
    country: n % 2 === 0 ? ' DE' : 'FR',
    at: '2026-01-01T00:00:00Z',
  })),
  { id: hostile, amount: 5, country: 'DE', at: '2026-01-01T00:00:00Z' },
]

async function millrace(cwd: string, ...args: readonly string[]) {
  const environment = aCliEnvironment({ cwd, columns: 120 })
  const code = await runProgram(args, environment)
  return { code, stdout: environment.stdout.text, stderr: environment.stderr.text, environment }
}

interface Traced {
  readonly trace_id: string
  readonly trace_id_derived: boolean
  readonly hops: readonly {
    readonly topic: string
    readonly outcome: string
    readonly wait_us: number | null
    readonly run_us: number | null
    readonly commit_us: number | null
    readonly offset: number
    readonly partition: number
    readonly failure?: { readonly code: string }
  }[]
  readonly notes: readonly string[]
  readonly others: readonly string[]
}

async function traced(cwd: string, ...args: readonly string[]): Promise<Traced> {
  const { stdout, code } = await millrace(cwd, 'trace', ...args, '--json')
  expect(code).toBe(0)
  return JSON.parse(stdout) as Traced
}

/** Runs take their time on a machine with other things to do. */
const slow = { timeout: 60_000 }

/** A shop that was run once, for tests that only look at it. */
let shop: Promise<{ cwd: string; run: Awaited<ReturnType<typeof millrace>> }> | null = null

function aShopThatRan() {
  shop ??= (async () => {
    const cwd = aShop(orders)
    return { cwd, run: await millrace(cwd, 'run', 'shop.yaml', '--threads', '0') }
  })()
  return shop
}

describe('millrace report', slow, () => {
  it('shows of a run that is over what its summary has shown', async () => {
    const { cwd, run } = await aShopThatRan()
    const { code, stdout } = await millrace(cwd, 'report')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^pipeline shop: completed$/m)
    const body = (text: string) => text.slice(text.indexOf('stage '))
    const rows = (text: string, stage: string) =>
      body(text)
        .split('\n')
        .filter((line) => line.startsWith(`${stage} `))
        .map((line) => line.replace(/\S+$/, '').trim())
    for (const stage of ['read', 'clean', 'totals']) {
      expect(rows(run.stderr, stage).length).toBeGreaterThanOrEqual(3)
      expect(rows(stdout, stage)[0]).toBe(rows(run.stderr, stage)[0])
      expect(rows(stdout, stage)[1]).toBe(rows(run.stderr, stage)[1])
    }
    expect(stdout).toContain('record_dead_lettered, log')
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(120)
  })

  it('has all of it as data: n, t, T, s, D, rates, prediction and residual, of records and of events', async () => {
    const { cwd } = await aShopThatRan()
    const { stdout } = await millrace(cwd, 'report', 'shop.yaml', '--json', '--since', '1h')
    const [found] = (JSON.parse(stdout) as { pipelines: Record<string, unknown>[] }).pipelines
    expect(found).toMatchObject({ pipeline: 'shop', outcome: 'completed', workers: 1 })
    const stages = found!['stages'] as { stage: string; n: number; hooks: object[] }[]
    const clean = stages.find(({ stage }) => stage === 'clean')!
    const distribution = { mean: expect.any(Number) as number, p50: expect.any(Number) as number }
    const part = {
      t: distribution,
      s: distribution,
      T: expect.any(Number) as number,
      D: expect.any(Number) as number,
      serviceRate: expect.any(Number) as number,
      arrivalRate: expect.any(Number) as number,
      utilisation: expect.any(Number) as number,
      prediction: {
        serviceTime: expect.any(Number) as number,
        ahead: expect.any(Number) as number,
      },
    }
    expect(clean).toMatchObject({ ...part, n: 121 })
    expect(clean.hooks).toMatchObject([{ ...part, n: 1, event: 'record_dead_lettered' }])
    expect(found!['bottleneck']).toMatchObject({ sentence: expect.any(String) as string })
  })

  it('counts runs that follow each other together when a time is asked for', async () => {
    const cwd = aShop(orders)
    await millrace(cwd, 'run', 'shop.yaml', '--threads', '0')
    await millrace(cwd, 'run', 'shop.yaml', '--threads', '0', '--fresh')
    const n = async (...args: readonly string[]) => {
      const { stdout } = await millrace(cwd, 'report', '--json', ...args)
      const found = JSON.parse(stdout) as { pipelines: { stages: { n: number }[] }[] }
      return found.pipelines[0]?.stages[0]!.n
    }
    expect(await n()).toBe(121)
    expect(await n('--since', '10m')).toBe(242)
    expect(await n('--to', '2026-01-01')).toBeUndefined()
  })

  it('says when there is nothing, and refuses ranges that are none', async () => {
    const { cwd } = await aShopThatRan()
    expect((await millrace(cwd, 'report', '--to', '2020-01-01')).stdout).toContain(
      'Nothing was measured in that time',
    )
    const usage = (...args: readonly string[]) =>
      expect(millrace(cwd, 'report', ...args)).rejects.toMatchObject({ code: 'CONFIG_USAGE' })
    await usage('--since', '10m', '--from', '2026-01-01')
    await usage('--from', '2026-01-02', '--to', '2026-01-01')
    expect((await millrace(cwd, 'report', '--since', 'yesterday')).code).toBe(2)
    expect((await millrace(cwd, 'report', '--from', '2026-13-45')).code).toBe(2)
  })

  it('goes on beside records of the topic that are none of its own', async () => {
    const cwd = aShop(orders)
    await millrace(cwd, 'run', 'shop.yaml', '--threads', '0')
    const log = await openWritableLog({
      directory: join(cwd, '.millrace'),
      clock: createSystemClock(),
    })
    const task = await log.openTask({ id: 't/0', group: 't', inputs: [], start: 'earliest' })
    const builder = new RecordBatchBuilder('')
    const times = { timestampMs: 0, eventTimeMs: NaN, ingestUs: 0, waitUs: 0, runUs: 0 }
    for (const value of ['{"v":1}', '\u001b[2J', null])
      builder.append({ key: null, value, headers: emptyBytes, times })
    const outputs = [{ topic: timingsTopic, partition: 0, batch: builder.finish() }]
    await task.commit({ outputs, state: [], next: [] })
    await log.close()
    const { stdout, stderr } = await millrace(cwd, 'report')
    expect(stdout).toContain('pipeline shop: completed')
    expect(stderr).toContain('3 records of the history could not be read')
  })

  it('shows with --watch what is new, until it is interrupted', async () => {
    const { cwd } = await aShopThatRan()
    const environment = aCliEnvironment({ cwd })
    const watching = runProgram(['report', '--watch', '--json'], environment)
    while (!environment.stdout.text.includes('\n')) await environment.clock.sleep(10)
    environment.interrupt('SIGINT')
    expect(await watching).toBe(130)
    expect(environment.stdout.text.split('\n')).toHaveLength(2)
  })
})

describe('millrace trace', slow, () => {
  it('shows the way of a record by its key, by any of its places and by its trace id, alike', async () => {
    const { cwd } = await aShopThatRan()
    const byKey = await traced(cwd, 'o-42')
    expect(byKey.hops.map(({ topic }) => topic)).toEqual(['shop.raw', 'shop.clean', 'shop.totals'])
    expect(byKey.hops.map(({ outcome }) => outcome)).toEqual(['stored', 'stored', 'window_result'])
    for (const { wait_us: wait, run_us: run, commit_us: commit } of byKey.hops.slice(0, 2)) {
      expect(wait).toBeGreaterThan(0)
      expect(run).toBeGreaterThan(0)
      expect(commit).toBeGreaterThan(0)
    }
    const [, clean] = byKey.hops
    const place = `${clean!.topic}/${clean!.partition}/${clean!.offset}`
    for (const what of [place, byKey.trace_id]) {
      const same = await traced(cwd, what, 'shop.yaml')
      expect(same.hops).toEqual(byKey.hops)
      expect(same.trace_id).toBe(byKey.trace_id)
    }
  })

  it('ends at the dead letter with the reason and the attempts', async () => {
    const { cwd } = await aShopThatRan()
    const { hops } = await traced(cwd, 'o-7')
    expect(hops.map(({ topic }) => topic)).toEqual(['shop.raw', 'shop.clean.dlq'])
    expect(hops[1]).toMatchObject({ failure: { code: 'RECORD_REQUIRED', attempts: 1 } })
    const { stdout } = await millrace(cwd, 'trace', 'o-7')
    expect(stdout).toContain('RECORD_REQUIRED in stage clean, step require, 1 attempt')
  })

  it('draws a waterfall that a record cannot redraw, and keeps secrets out of it', async () => {
    const { cwd } = await aShopThatRan()
    const environment = aCliEnvironment({ cwd, columns: 120 })
    environment.mask.add('2026-01-01T00:00:00Z')
    expect(await runProgram(['trace', hostile, '--values'], environment)).toBe(0)
    const { text } = environment.stdout
    expect(text).not.toContain('\u001b')
    expect(text).not.toContain('\u202e')
    expect(text).toContain('key k\\u001b[2J\\u202e/x')
    expect(text).toMatch(/[░█▒]/)
    expect(text).not.toContain('2026-01-01T00:00:00Z')
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(200)
  })

  it('says where it looked when there is no such record, and what it left out', async () => {
    const { cwd } = await aShopThatRan()
    const none = await millrace(cwd, 'trace', 'o-none\u001b[2J')
    expect(none.code).toBe(1)
    expect(none.stderr).toContain('looked into shop.raw')
    expect(none.stderr).not.toContain('\u001b')
    const place = await millrace(cwd, 'trace', 'shop.raw/0/99999')
    expect(place).toMatchObject({ code: 1, stdout: '' })
    const little = await millrace(cwd, 'trace', 'o-none', '--scan', '8')
    expect(little.stderr).toMatch(/Not looked at: shop\.raw\/\d: \d+ records before offset \d+/)
    await expect(millrace(cwd, 'trace', '')).rejects.toMatchObject({ code: 'CONFIG_USAGE' })
  })
})
