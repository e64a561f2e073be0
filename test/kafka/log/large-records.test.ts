import { afterEach, expect, it } from 'vitest'
import type { RunReport } from '../../../src/runtime/run-report.ts'
import { connectTo } from '../client/client-fixture.ts'
import { describeWithKafka, sharedBroker } from '../broker/describe-with-kafka.ts'
import { createTopics, PipelineFolder, recordsOf, text } from '../endpoints/endpoint-pipeline.ts'
import { consumeAll, produceWithJava, type JavaRecord } from '../java/kafka-tool.ts'
import { uniqueName } from '../workers/fleet.ts'

const { address } = sharedBroker
const large = JSON.stringify({ n: 1, text: 'x'.repeat(5_000) })
const folders: PipelineFolder[] = []

/** Copies `<name>.raw` to `<name>.out`; both have one partition. */
function copying(name: string, more: string): string {
  return `pipeline: ${name}
topics:
  ${name}.raw:
    partitions: 1
  ${name}.out:
    partitions: 1
stages:
  - name: ingest
    source:
      file:
        path: in.ndjson
    to: ${name}.raw
  - name: clean
    from: ${name}.raw
    steps:
      - set:
          seen: true
    to: ${name}.out
${more}`
}

function folder(pipeline: string, lines: readonly string[]): PipelineFolder {
  const made = new PipelineFolder(pipeline, { 'in.ndjson': `${lines.join('\n')}\n` })
  folders.push(made)
  return made
}

function headersOf({ headers }: JavaRecord): Record<string, string | null> {
  return Object.fromEntries(headers.map(([name, value]) => [name, text(value)]))
}

async function ran(made: PipelineFolder) {
  const run = made.run(['--log', `kafka://${address}`, '--json'])
  const { code, stdout, stderr } = await run.ended
  expect(code, stderr).toBe(0)
  const report = JSON.parse(stdout) as RunReport
  const clean = report.pipelines[0]!.stages.find(({ stage }) => stage === 'clean')!
  return { dispositions: clean.dispositions, stderr }
}

const all = (topic: string) => consumeAll(address, topic, { isolation: 'read_committed' })

describeWithKafka('a record that its topic does not take for its size', () => {
  afterEach(() => {
    for (const made of folders.splice(0)) made.remove()
  })

  it.each(['exactly_once', 'at_least_once'])(
    'becomes a dead letter with its original bytes, and the others go on (%s)',
    async (delivery) => {
      const name = uniqueName('large')
      await createTopics(address, { [`${name}.out`]: 1 }, { 'max.message.bytes': '2000' })
      const lines = ['{"n":0}', large, '{"n":2}']
      const { dispositions } = await ran(
        folder(copying(name, `    delivery: ${delivery}\n`), lines),
      )
      expect(dispositions).toMatchObject({ emitted: 2, dead_lettered: 1, skipped: 0 })
      const out = await all(`${name}.out`)
      expect(out.map(({ value }) => text(value))).toEqual([
        '{"n":0,"seen":true}',
        '{"n":2,"seen":true}',
      ])
      const [letter, ...others] = await all(`${name}.clean.dlq`)
      expect(others).toEqual([])
      expect(text(letter!.value)).toBe(large)
      expect(headersOf(letter!)).toMatchObject({
        'millrace-dlq-code': 'RECORD_TOO_LARGE',
        'millrace-dlq-offset': '1',
        'millrace-dlq-message': expect.stringContaining(`the topic "${name}.out" takes`) as string,
      })
    },
  )

  it('is left out where `on_error: skip` says so, and stops the stage where it says stop', async () => {
    const name = uniqueName('large')
    await createTopics(address, { [`${name}.out`]: 1 }, { 'max.message.bytes': '2000' })
    const lines = ['{"n":0}', large]
    const { dispositions } = await ran(folder(copying(name, '    on_error: skip\n'), lines))
    expect(dispositions).toMatchObject({ emitted: 1, skipped: 1, dead_lettered: 0 })
    const other = uniqueName('large')
    await createTopics(address, { [`${other}.out`]: 1 }, { 'max.message.bytes': '2000' })
    const stopping = folder(copying(other, '    on_error: stop\n'), lines)
    const { code, stderr } = await stopping.run(['--log', `kafka://${address}`]).ended
    expect(code).toBe(1)
    expect(stderr).toMatch(/RECORD_TOO_LARGE\) \(STAGE_STOPPED\)/)
  })

  it('has a dead letter without its value, where that is too large for its topic as well', async () => {
    const name = uniqueName('large')
    await createTopics(
      address,
      { [`${name}.out`]: 1, [`${name}.clean.dlq`]: 1 },
      { 'max.message.bytes': '1000' },
    )
    const { dispositions } = await ran(folder(copying(name, ''), ['{"n":0}', large]))
    expect(dispositions).toMatchObject({ emitted: 1, dead_lettered: 1 })
    const [letter] = await all(`${name}.clean.dlq`)
    expect(letter!.value).toBeNull()
    expect(headersOf(letter!)).toMatchObject({
      'millrace-dlq-code': 'RECORD_TOO_LARGE',
      'millrace-dlq-topic': `${name}.raw`,
      'millrace-dlq-offset': '1',
      'millrace-dlq-omitted': `value (${large.length} bytes)`,
    })
  })

  it.each(['exactly_once', 'at_least_once'])(
    'is a dead letter also where the limit was lowered while the stage works (%s)',
    async (delivery) => {
      const name = uniqueName('large')
      await createTopics(address, { [`${name}.raw`]: 1, [`${name}.out`]: 1 })
      const pipeline = copying(name, `    delivery: ${delivery}\n`).replace(
        /  - name: ingest[^]*(?=  - name: clean)/,
        '',
      )
      const write = (...values: string[]) =>
        produceWithJava(address, [
          { records: values.map((value) => ({ topic: `${name}.raw`, value })) },
        ])
      const run = folder(pipeline, []).run(['--log', `kafka://${address}`])
      await write('{"n":0}')
      await recordsOf(address, `${name}.out`, { count: 1, run })
      const client = await connectTo(address)
      await client.alterConfigs(`${name}.out`, { 'max.message.bytes': '2000' })
      await client.close()
      await write(large, '{"n":2}')
      const out = await recordsOf(address, `${name}.out`, { count: 2, run })
      expect(out.map(({ value }) => text(value))).toEqual([
        '{"n":0,"seen":true}',
        '{"n":2,"seen":true}',
      ])
      const [letter] = await recordsOf(address, `${name}.clean.dlq`, { count: 1, run })
      expect(text(letter!.value)).toBe(large)
      run.child.kill('SIGTERM')
      expect((await run.ended).code, run.stderr).toBe(0)
    },
    30_000,
  )
})
