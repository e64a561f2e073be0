import { createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { benchCommands, buildCommand } from './bench-commands.ts'
import { benchEngine } from './bench-engine.ts'
import { benchExec } from './bench-exec.ts'
import { benchExpressions } from './bench-expressions.ts'
import { benchHttp } from './bench-http.ts'
import { benchKafka } from './bench-kafka.ts'
import { benchRabbitmq } from './bench-rabbitmq.ts'
import { benchTracing } from './bench-tracing.ts'
import { benchLog } from './bench-log.ts'
import { benchTcp } from './bench-tcp.ts'
import { referenceOrders } from './reference-orders.ts'

/**
 * Measures what Millrace promises about speed and memory and prints it with the facts of the machine. It judges
 * nothing: compare runs taken in turn on one machine. `npm run bench -- NAME` measures one part only; those that
 * need a server of their own are measured in no other way.
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

type Workload = { readonly command: string; readonly orders: number }
const parts = {
  expressions: () => benchExpressions(),
  log: () => benchLog(folder),
  engine: (workload: Workload) => benchEngine(folder, workload),
  exec: (workload: Workload) => benchExec(folder, workload),
  http: (workload: Workload) => benchHttp(folder, workload),
  tcp: ({ command }: Workload) => benchTcp(folder, command),
  commands: ({ command }: Workload) => benchCommands(folder, command),
  kafka: (workload: Workload) => benchKafka(folder, workload),
  rabbitmq: (workload: Workload) => benchRabbitmq(folder, workload),
  tracing: (workload: Workload) => benchTracing(folder, workload),
} satisfies Record<string, (workload: Workload) => Figure[] | Promise<Figure[]>>
type PartName = keyof typeof parts
const withoutServers = ['expressions', 'log', 'engine', 'exec', 'http', 'tcp', 'commands'] as const
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
  const wanted = process.argv.slice(2).filter((name) => name in parts)
  for (const name of wanted.length > 0 ? wanted : withoutServers)
    print(await parts[name as PartName]({ command, orders }))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
