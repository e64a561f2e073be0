import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../e2e/free-port.ts'
import type { Figure } from './run.ts'

const lines = Number(process.env['TCP_LINES'] ?? 1_000_000)
const connections = 16

/** Lines into a topic of the embedded log, each answered once it is stored; clients in a process of their own. */
export async function benchTcp(folder: string, command: string): Promise<Figure[]> {
  const port = await freePort()
  const file = join(folder, 'tcp.yaml')
  writeFileSync(
    file,
    `pipeline: bench-tcp
stages:
  - name: listen
    source:
      tcp: { port: ${port}, reply: ok }
    to: readings
`,
  )
  const data = ['--data-dir', join(folder, 'tcp')]
  const server = spawn(process.execPath, [command, 'run', file, ...data], { stdio: 'ignore' })
  try {
    const args = ['test/bench/tcp-load.ts', port, connections, lines].map(String)
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    if (status !== 0) throw new Error(stderr)
    return [
      {
        what: `tcp source, ${connections} clients, each line answered`,
        value: `${Number(stdout).toLocaleString('en')} lines/s`,
        aim: 'aim: at least 100,000 lines/s',
      },
    ]
  } finally {
    server.kill('SIGTERM')
    await once(server, 'close')
  }
}
