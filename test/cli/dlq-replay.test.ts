import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runProgram } from '../../src/cli/program.ts'
import type { TracedReplay } from '../../src/core/telemetry.ts'
import { aCliEnvironment } from './cli-environment.ts'
import { aFolder } from './temporary-folder.ts'

/** Records come in by a file; what `mend` is given decides whether a bad amount fails. */
const file = (mend = 'fail', more = '') => `pipeline: orders
topics:
  raw: { partitions: 2 }
stages:
  - name: ingest
    source:
      file: { path: ./in.ndjson }
    key: value.id
    to: raw
  - name: clean
    from: raw
    steps:
      - cast:
          amount: { type: number, on_fail: ${mend === 'fail' ? 'fail' : 'null'} }
      - set:
          from: topic
          at: offset
    to: cleaned
  - name: write
    from: cleaned
    sink:
      file: { path: ./out.ndjson }
${more}`

const input = ['{"id":"a","amount":"x"}', '{"id":"b","amount":"2"}', '{"id":"c","amount":"y"}']

function aPlace(text = file(), lines: readonly string[] = input) {
  const cwd = aFolder({ 'a.yaml': text, 'in.ndjson': `${lines.join('\n')}\n` })
  const command = async (...args: string[]) => {
    const environment = aCliEnvironment({ cwd })
    const code = await runProgram(args, environment)
    return { code, stdout: environment.stdout.text, stderr: environment.stderr.text }
  }
  return {
    cwd,
    command,
    change: (changed: string) => writeFileSync(join(cwd, 'a.yaml'), changed),
    run: () => command('run', 'a.yaml', '--quiet', '--threads', '0'),
    replay: async (...args: string[]) => {
      const { stdout, ...rest } = await command('dlq', 'replay', 'a.yaml', '--json', ...args)
      return { ...rest, ...(JSON.parse(stdout) as ReplayJson) }
    },
    out: () => readFileSync(join(cwd, 'out.ndjson'), 'utf8').trimEnd().split('\n'),
    stored: async (topic: string) => {
      const { stdout } = await command('tap', topic, '--from', 'earliest', '--json')
      return stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>)
    },
  }
}

interface ReplayJson {
  readonly replayed: number
  readonly stages: readonly {
    readonly stage: string
    readonly selected: number
    readonly replayed: number
    readonly already_replayed: number
    readonly parked: number
    readonly not_replayable: Readonly<Record<string, number>>
  }[]
}

function of(stage: string, { stages }: ReplayJson) {
  return stages.find((each) => each.stage === stage)!
}

describe('millrace dlq replay', () => {
  it('brings a dead letter back to its stage, as it was and from where it came', async () => {
    const place = aPlace()
    await place.run()
    const letters = await place.stored('orders.clean.dlq')
    expect(await place.replay('--all')).toMatchObject({ code: 0, replayed: 2 })
    const back = await place.stored('orders.clean.replay')
    expect(back.map(({ key, value, partition }) => ({ key, value, partition }))).toEqual(
      letters.map(({ key, value, partition }) => ({ key, value, partition })),
    )
    place.change(file('null'))
    await place.run()
    const mended = place.out().map((line) => JSON.parse(line) as Record<string, unknown>)
    const raw = await place.stored('raw')
    for (const id of ['a', 'c']) {
      const original = raw.find(({ key }) => key === id)!
      expect(mended).toContainEqual({ id, amount: null, from: 'raw', at: original['offset'] })
    }
    const results = await place.stored('cleaned')
    expect(JSON.stringify(results)).not.toContain('millrace-replay')
  })

  it('leaves out what was replayed before, unless --again is said', async () => {
    const place = aPlace()
    await place.run()
    expect((await place.replay('--limit', '1')).replayed).toBe(1)
    const second = await place.replay('--all')
    expect(of('clean', second)).toMatchObject({ replayed: 1, already_replayed: 1 })
    expect((await place.replay('--all')).replayed).toBe(0)
    expect((await place.replay('--all', '--again')).replayed).toBe(2)
    expect(await place.stored('orders.clean.replay')).toHaveLength(4)
  })

  it('parks a record that has failed again so often', async () => {
    const place = aPlace(file(), ['{"id":"a","amount":"x"}'])
    await place.run()
    for (let attempt = 1; attempt <= 2; attempt++) {
      expect((await place.replay('--all', '--max-attempts', '2')).replayed).toBe(1)
      await place.run()
    }
    const letters = await place.stored('orders.clean.dlq')
    expect(letters).toHaveLength(3)
    const told = JSON.stringify(letters[2])
    expect(told).toContain('{"name":"millrace-dlq-replays","value":"2"}')
    expect(told).toContain('{"name":"millrace-dlq-topic","value":"raw"}')
    const third = await place.replay('--all', '--max-attempts', '2')
    expect(of('clean', third)).toMatchObject({ replayed: 0, already_replayed: 2, parked: 1 })
    expect((await place.replay('--all')).replayed).toBe(1)
  })

  it('chooses by stage, code, time and place, and changes nothing with --dry-run', async () => {
    const place = aPlace(file(), [...input, '{broken'])
    await place.run()
    const dry = async (...args: string[]) => of('clean', await place.replay('--dry-run', ...args))
    expect(await dry()).toMatchObject({ selected: 3, replayed: 0 })
    expect(await dry('--code', 'RECORD_CAST')).toMatchObject({ selected: 2 })
    expect(await dry('--code', 'RECORD_CAST', '--code', 'RECORD_DECODE')).toMatchObject({
      selected: 3,
    })
    expect(await dry('--since', '1h')).toMatchObject({ selected: 3 })
    expect(await dry('--since', '2100-01-01')).toMatchObject({ selected: 0 })
    const [first] = await place.stored('orders.clean.dlq')
    const id = `${String(first!['partition'])}/${String(first!['offset'])}`
    expect(await dry('--id', id)).toMatchObject({ selected: 1 })
    expect(await dry('--id', `orders.clean.dlq/${id}`)).toMatchObject({ selected: 1 })
    expect(await dry('--id', `other.dlq ${id}`)).toMatchObject({ selected: 0 })
    expect((await place.replay('--dry-run', '--stage', 'write')).stages).toHaveLength(1)
    expect(await place.stored('orders.clean.replay')).toEqual([])
  })

  it('asks which ones when nothing is said, and knows the stages', async () => {
    const place = aPlace()
    await place.run()
    await expect(place.command('dlq', 'replay', 'a.yaml')).rejects.toThrow(/^which dead letters\?/)
    await expect(place.command('dlq', 'replay', 'a.yaml', '--stage', 'claen')).rejects.toThrow(
      /did you mean clean\?|did you mean "clean"/,
    )
  })

  it('writes what a source could not read to the topic of its stage', async () => {
    const csv = file().replace('./in.ndjson }', './in.ndjson, format: csv }')
    const place = aPlace(csv, ['id,amount', 'a,1', 'b,2,3'])
    await place.run()
    expect(of('ingest', await place.replay('--all'))).toMatchObject({ replayed: 1 })
    expect(await place.stored('raw')).toHaveLength(2)
    expect(JSON.stringify(await place.stored('raw'))).not.toContain('millrace-replay')
  })

  it('says why a result of a window cannot be written back', async () => {
    const windows = file(
      'null',
      `  - name: totals
    from: cleaned
    steps:
      - aggregate: { by: value.id, fields: { n: count() } }
      - require: value.n > 1
    to: totals
`,
    )
    const place = aPlace(windows)
    await place.run()
    const told = await place.replay('--all')
    expect(of('totals', told)).toMatchObject({ replayed: 0, not_replayable: { made: 3 } })
    const { stderr } = await place.command('dlq', 'replay', 'a.yaml', '--all')
    expect(stderr).toContain('Not replayable: 3 results of windows')
  })

  it('brings what a sink refused back to the sink alone', async () => {
    const short = `pipeline: short
stages:
  - name: all
    source:
      file: { path: ./in.ndjson }
    steps:
      - set:
          n: value.n + 1
    sink:
      file: { path: ./out.csv, format: csv }
`
    const place = aPlace(short, ['{"n":1,"a":1}', '{"n":5,"b":2}'])
    await place.run()
    const [letter] = await place.stored('short.all.dlq')
    expect(letter).toMatchObject({ value: { n: 6, b: 2 } })
    expect((await place.replay('--all')).replayed).toBe(1)
    await place.run()
    // It failed once more, with the value that it came with: the step has not counted again.
    const letters = await place.stored('short.all.dlq')
    expect(letters.map(({ value }) => value)).toEqual([
      { n: 6, b: 2 },
      { n: 6, b: 2 },
    ])
    expect(JSON.stringify(letters[1])).toContain('"millrace-dlq-replays","value":"1"')
  })

  it('keeps to the partition in which the record lay, though dead letters have one alone', async () => {
    const short = `pipeline: short
stages:
  - name: all
    source:
      file: { path: ./in.ndjson }
    steps:
      - require: value.n > 5
    sink: drop
`
    const place = aPlace(
      short,
      [1, 2, 3, 4].map((n) => JSON.stringify({ n })),
    )
    await place.run()
    await place.replay('--all')
    const placed = async (topic: string) =>
      (await place.stored(topic))
        .map(({ partition, value }) => `${String(partition)} ${JSON.stringify(value)}`)
        .toSorted()
    expect(await placed('short.all.replay')).toEqual(await placed('short.all.in'))
  })

  it('does not move the watermark, and a late record stays late', async () => {
    const windows = `pipeline: w
topics:
  raw: { partitions: 1 }
stages:
  - name: ingest
    source:
      file: { path: ./in.ndjson }
    to: raw
  - name: totals
    from: raw
    event_time: value.ts
    steps:
      - require: value.n < LIMIT
      - aggregate:
          window: { tumbling: 10s }
          fields: { n: count() }
    to: totals
`
    const at = (second: number, n: number) =>
      `{"ts":"2026-01-01T00:00:${String(second).padStart(2, '0')}Z","n":${n}}`
    const place = aPlace(windows.replace('LIMIT', '5'), [at(1, 1), at(40, 9), at(12, 2)])
    await place.run()
    expect(await place.stored('w.totals.dlq')).toHaveLength(1)
    const before = (await place.stored('totals')).length
    place.change(windows.replace('LIMIT', '50'))
    await place.replay('--all')
    await place.run()
    // All windows are closed by the end of the input: 00:40 is after them, and opens one of its own.
    const late = await place.stored('w.totals.late')
    const after = await place.stored('totals')
    expect(after.length + late.length).toBe(before + 1)
  })

  it('goes on with a data directory of the version before, which had no such topics', async () => {
    const place = aPlace(file().replaceAll('to: cleaned', 'on_error: skip\n    to: cleaned'))
    await place.run()
    place.change(file())
    writeFileSync(join(place.cwd, 'in.ndjson'), `${[...input, input[0]].join('\n')}\n`)
    expect((await place.run()).code).toBe(0)
    expect(await place.replay('--all')).toMatchObject({ code: 0, replayed: 1 })
  })

  it('says what to do where the stage does not take replays yet', async () => {
    const place = aPlace(file().replaceAll('to: cleaned', 'on_error: skip\n    to: cleaned'))
    await place.run()
    place.change(file())
    await expect(place.replay('--all')).rejects.toThrow(
      /no topic "orders\.clean\.replay" yet.*topics apply/,
    )
  })

  it('is forgotten with the pipeline', async () => {
    const place = aPlace()
    await place.run()
    await place.replay('--all')
    await place.command('run', 'a.yaml', '--quiet', '--fresh', '--threads', '0')
    expect(await place.stored('orders.clean.replay')).toEqual([])
    expect(of('clean', await place.replay('--all'))).toMatchObject({
      replayed: 2,
      already_replayed: 0,
    })
  })

  it('begins a trace with a link to the one in which the record failed', async () => {
    const place = aPlace()
    await place.run()
    const spans: TracedReplay[] = []
    const reserve = { spans: 1, begins: 1 }
    const environment = {
      ...aCliEnvironment({
        cwd: place.cwd,
        env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' },
      }),
      openTracing: async () => ({
        tracing: {
          ratio: null,
          reserve: () => reserve,
          settle: () => {},
          committed: () => {},
          hooked: () => {},
          replayed: (span: TracedReplay) => void spans.push(span),
          leftOut: () => {},
          counts: {
            exported: 0,
            dropped: { limit: 0, queue: 0, export: 0, shutdown: 0 },
            recordsLeftOut: 0,
          },
        },
        close: async () => {},
      }),
    }
    await runProgram(['dlq', 'replay', 'a.yaml', '--all'], environment)
    expect(spans).toMatchObject([
      { stage: 'clean', topic: 'orders.clean.replay', code: 'RECORD_CAST', attempt: 1 },
    ])
    const [back] = await place.stored('orders.clean.replay')
    expect(JSON.stringify(back)).toContain(`00-${spans[0]!.traceId}-${spans[0]!.spanId}-03`)
  })
})
