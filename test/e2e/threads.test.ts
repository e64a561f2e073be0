import { expect, it } from 'vitest'
import type { RunReport } from '../../src/runtime/run-report.ts'
import { referenceOrders } from '../bench/reference-orders.ts'
import { millrace, Workspace } from './cli-process.ts'

const orders = 150_000
const pipeline = `pipeline: orders
stages:
  - { name: ingest, source: { file: { path: ./orders.ndjson } }, key: value.user_id, to: raw }
  - name: clean
    from: raw
    steps:
      - trim: [country]
      - cast: { amount: number }
      - require: value.amount != null
      - mask: { email: sha256 }
    to: clean
  - { name: save, from: clean, sink: { file: { path: ./clean.ndjson } } }
`

/** What the run leaves and says with so many threads beside the main one. */
async function resultsWith(threads: number, text: string) {
  using workspace = new Workspace({ 'orders.yaml': pipeline, 'orders.ndjson': text })
  const cwd = workspace.folder
  const args = ['run', 'orders.yaml', '--json', '--log-level', 'debug', '--threads', `${threads}`]
  const { code, stdout, stderr } = await millrace(args, { cwd })
  expect(code, stderr).toBe(0)
  const { stages } = (JSON.parse(stdout) as RunReport).pipelines[0]!
  return {
    lines: workspace.lines('clean.ndjson').toSorted(),
    counts: stages.map(({ stage, n, dispositions, reasons }) => ({
      stage,
      n,
      dispositions,
      reasons,
    })),
    worksAlong: stderr.includes('a thread for steps works along'),
  }
}

it('gives the same results and counts with threads for steps as without', async () => {
  const text = [...referenceOrders(orders)].map((order) => `${order.text}\n`).join('')
  const without = await resultsWith(0, text)
  const withThreads = await resultsWith(2, text)
  expect(without.worksAlong).toBe(false)
  expect(withThreads.worksAlong).toBe(true)
  expect(withThreads.lines.length).toBeGreaterThan(orders * 0.9)
  expect(withThreads.lines).toEqual(without.lines)
  expect(withThreads.counts).toEqual(without.counts)
})
