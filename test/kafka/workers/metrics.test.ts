import { expect, it } from 'vitest'
import { CliProcess, Workspace } from '../../e2e/cli-process.ts'
import { describeWithKafka, sharedBroker } from '../broker/describe-with-kafka.ts'
import { freePorts } from '../broker/ports.ts'
import { uniqueName, untilTrue } from './fleet.ts'

const { address } = sharedBroker
const count = 20_000

function pipeline(name: string): string {
  return `
pipeline: ${name}
topics:
  ${name}.in: { partitions: 4 }
stages:
  - name: ingest
    source:
      generate: { count: ${count}, template: { n: { $sequence: 0 } } }
    key: value.n
    to: ${name}.in
  - name: clean
    from: ${name}.in
    steps:
      - filter: value.n % 2 == 0
    to: ${name}.out
`
}

describeWithKafka('the metrics of one command with workers', () => {
  it('are those of all workers together, at one address, with each process by itself', async () => {
    const name = uniqueName('metrics')
    using workspace = new Workspace({ 'pipeline.yaml': pipeline(name) })
    const [port] = await freePorts(1)
    const log = ['--log', `kafka://${address}`, '--data-dir', 'data', '--follow']
    const run = new CliProcess(
      ['run', 'pipeline.yaml', ...log, '--workers', '2', '--metrics', String(port)],
      { cwd: workspace.folder },
    )
    const scrape = async (path: string) => (await fetch(`http://127.0.0.1:${port}/${path}`)).text()
    const series = (text: string, start: string, more = '') =>
      text
        .split('\n')
        .filter((line) => line.startsWith(`${start}{`) && line.includes(more))
        .map((line) => Number(line.split(' ').at(-1)))
    const toInput = `messaging_destination_name="${name}.in"`
    // Each worker tells what it did once a second, so that one may be behind the other.
    const isThere = (text: string) =>
      series(text, 'messaging_client_sent_messages_total', toInput)[0] === count &&
      series(text, 'messaging_client_consumed_messages_total').every((each) => each === count)
    try {
      await untilTrue(async () => isThere(await scrape('metrics').catch(() => '')), {
        withinMs: 60_000,
        otherwise: () => run.stderr,
      })
      const text = await scrape('metrics')
      expect(await scrape('readyz')).toBe('ready\n')
      expect(series(text, 'millrace_stage_messages_total', 'outcome="filtered"')).toContain(
        count / 2,
      )
      expect(
        series(text, 'messaging_process_duration_seconds_count', 'messaging_system="kafka"'),
      ).toEqual([count, count])
      expect(series(text, 'messaging_client_sent_messages_total', toInput)).toEqual([count])
      const commits = 'messaging_operation_name="commit"'
      expect(
        series(text, 'messaging_client_operation_duration_seconds_count', commits).length,
      ).toBe(2)
      expect(series(text, 'millrace_stage_backlog', toInput)).toEqual([0, 0, 0, 0])
      for (const worker of ['main', '1', '2'])
        expect(
          series(text, 'process_memory_usage_bytes', `millrace_worker="${worker}"`)[0],
        ).toBeGreaterThan(1e7)
      expect(series(text, 'millrace_worker_starts_total')).toEqual([1, 1])
    } finally {
      run.child.kill('SIGTERM')
    }
    expect((await run.ended).code).toBe(0)
  }, 120_000)
})
