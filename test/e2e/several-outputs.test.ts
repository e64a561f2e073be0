import { expect, it } from 'vitest'
import type { RunReport } from '../../src/runtime/run-report.ts'
import { referenceOrders } from '../bench/reference-orders.ts'
import { millrace, Workspace } from './cli-process.ts'

const orders = 100_000
const pipeline = `pipeline: orders
stages:
  - { name: ingest, source: { file: { path: ./orders.ndjson } }, key: value.user_id, to: raw }
  - name: sort
    from: raw
    steps:
      - set: { country: upper(trim(value.country)) }
      - route:
          near: value.country == 'NL' || value.country == 'FR'
          german: value.country == 'DE'
    to: { near: orders.near, german: orders.de, otherwise: orders.far }
  - { name: near, from: orders.near, sink: { file: { path: ./near.ndjson } } }
  - { name: german, from: orders.de, sink: { file: { path: ./german.ndjson } } }
  - name: far
    from: orders.far
    to: { template: "far.\${value.country}", allow: [far.US, far.GB, far.ES, far.IT, far.PL, far.BR] }
  - { name: rest, from: [far.US, far.GB, far.ES, far.IT, far.PL, far.BR], sink: { file: { path: ./far.ndjson } } }
`

const files = ['near.ndjson', 'german.ndjson', 'far.ndjson'] as const

async function sorted(threads: number, text: string) {
  using workspace = new Workspace({ 'orders.yaml': pipeline, 'orders.ndjson': text })
  const cwd = workspace.folder
  const args = ['run', 'orders.yaml', '--json', '--threads', `${threads}`]
  const { code, stdout, stderr } = await millrace(args, { cwd })
  expect(code, stderr).toBe(0)
  const { stages } = (JSON.parse(stdout) as RunReport).pipelines[0]!
  const traced = await millrace(['trace', 'raw/0/0', 'orders.yaml'], { cwd })
  expect(traced.code, traced.stderr).toBe(0)
  const failed = stages.flatMap(({ dispositions }) => dispositions.dead_lettered)
  return {
    byFile: files.map((file) => workspace.lines(file).toSorted()),
    failed: failed.reduce((sum, count) => sum + count, 0),
    trace: traced.stdout,
  }
}

it('sorts the records of a file into topics, with threads for steps as without', async () => {
  const text = [...referenceOrders(orders)].map((order) => `${order.text}\n`).join('')
  const without = await sorted(0, text)
  const [near, german, far] = without.byFile.map((lines) =>
    lines.map((line) => (JSON.parse(line) as { country: string | null }).country),
  )
  expect(new Set(near)).toEqual(new Set(['NL', 'FR']))
  expect(new Set(german)).toEqual(new Set(['DE']))
  expect(new Set(far)).toEqual(new Set(['US', 'GB', 'ES', 'IT', 'PL', 'BR']))
  // Japan has no topic; what is no JSON has failed before.
  expect(without.failed).toBeGreaterThan(orders / 20)
  expect(near!.length + german!.length + far!.length + without.failed).toBe(orders)
  expect(without.trace).toMatch(/orders\.(?:near|de|far)/)
  const withThreads = await sorted(2, text)
  expect(withThreads.byFile).toEqual(without.byFile)
  expect(withThreads.failed).toBe(without.failed)
})
