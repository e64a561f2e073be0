import { createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { benchCommands, buildCommand } from './bench-commands.ts'
import { benchEngine } from './bench-engine.ts'
import { benchExpressions } from './bench-expressions.ts'
import { benchKafka } from './bench-kafka.ts'
import { benchTracing } from './bench-tracing.ts'
import { benchLog } from './bench-log.ts'
import { benchTcp } from './bench-tcp.ts'
import { referenceOrders } from './reference-orders.ts'

/**
 * Measures what Millrace promises about speed and memory and prints it with the facts of the machine.
 * It judges nothing: compare runs taken in turn on one machine. `npm run bench -- kafka` does so on Kafka, `-- tracing` with and without spans.
 */
const orders = Number(process.env['ORDERS'] ?? 1_000_000)

export interface Figure {
  readonly what: string
  readonly value: string
  readonly aim: string
}

async function writeOrders(path: string): Promise<{ good: number; bytes: number }> {
  const file = createWriteStream(path)
  let good = 0
  let bytes = 0
  let lines: string[] = []
  for (const { text, isGood } of referenceOrders(orders)) {
    if (isGood) good += 1
    bytes += text.length
    lines.push(text)
    if (lines.length < 10_000) continue
    if (!file.write(`${lines.join('\n')}\n`)) await once(file, 'drain')
    lines = []
  }
  file.end(lines.map((line) => `${line}\n`).join(''))
  await once(file, 'close')
  return { good, bytes }
}

function print(figures: readonly Figure[]): void {
  for (const { what, value, aim } of figures) {
    process.stdout.write(`${what.padEnd(52)} ${value.padStart(22)}   ${aim}\n`)
  }
}

const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
try {
  const [cpu] = cpus()
  process.stdout.write(
    `${cpus().length} x ${cpu?.model.trim() ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ` +
      `Node ${process.versions.node}, SQLite ${process.versions['sqlite']}\n`,
  )
  const path = join(folder, 'orders.ndjson')
  const { good, bytes } = await writeOrders(path)
  process.stdout.write(
    `workload: ${orders} orders of ${Math.round(bytes / orders)} bytes, ${good} good, ${orders - good} bad\n\n`,
  )
  const command = buildCommand(folder)
  if (process.argv.includes('kafka')) print(await benchKafka(folder, { command, orders }))
  else if (process.argv.includes('tracing')) print(await benchTracing(folder, { command, orders }))
  else {
    print(benchExpressions())
    print(await benchLog(folder))
    print(await benchEngine(folder, { command, orders }))
    print(await benchTcp(folder, command))
    print(benchCommands(folder, command))
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
