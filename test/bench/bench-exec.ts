import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Figure } from './run.ts'
import { timedRun, type OrderStage } from './timed-run.ts'

/** A child that does next to nothing with each record. */
const echo = `
let rest = ''
process.stdin.on('data', (chunk) => {
  const text = rest + chunk
  const end = text.lastIndexOf('\\n')
  rest = text.slice(end + 1)
  if (end === -1) return
  let answers = ''
  for (const line of text.slice(0, end).split('\\n')) {
    const { id, value } = JSON.parse(line)
    if (value !== null) value.seen = true
    answers += JSON.stringify({ id, value }) + '\\n'
  }
  process.stdout.write(answers)
})
`

const tableRows = 100_000

/** What steps that call something outside can do, over a topic that holds all orders. */
export async function benchExec(
  folder: string,
  workload: { command: string; orders: number },
): Promise<Figure[]> {
  const { command, orders } = workload
  writeFileSync(join(folder, 'echo.mjs'), echo)
  writeFileSync(
    join(folder, 'seen.mjs'),
    'export const process = async (value) => ({ ...value, seen: true })',
  )
  const data = join(folder, 'exec-data')
  const run = (...names: OrderStage[]) =>
    timedRun({ command, folder, names, log: ['--data-dir', data] })
  await run('ingest')
  const exec = await run('ingest', 'exec')
  const called = await run('ingest', 'module')
  const rows = Array.from({ length: tableRows }, (_, index) => `c${index},region ${index},${index}`)
  writeFileSync(
    join(folder, 'countries.csv'),
    `country,region,tax\nNL,Benelux,21\n${rows.join('\n')}\n`,
  )
  const defaults = 'tables: { countries: { file: ./countries.csv, key: country } }\n'
  const log = ['--data-dir', data]
  const lookedUp = await timedRun({ command, folder, names: ['ingest', 'lookup'], log, defaults })
  rmSync(data, { recursive: true })
  const perSecond = (seconds: number) => `${Math.round(orders / seconds)} orders/s`
  return [
    {
      what: 'exec: topic -> a process -> topic',
      value: perSecond(exec.seconds),
      aim: 'aim: 50,000/s',
    },
    { what: 'module, async: topic -> topic', value: perSecond(called.seconds), aim: '' },
    { what: 'lookup in a file: topic -> topic', value: perSecond(lookedUp.seconds), aim: '' },
    { what: 'peak memory, exec', value: `${exec.peakMb} MB`, aim: 'aim: below 300 MB' },
  ]
}
