import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { expect, it } from 'vitest'
import { CliProcess, type Workspace } from './cli-process.ts'
import { exampleWorkspace } from './examples.ts'

const requestCount = 30_000
const startMs = Date.UTC(2026, 9, 10, 23, 50)
const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')
const two = (n: number) => String(n).padStart(2, '0')

interface Total {
  requests: number
  failed: number
  bytes: number
}

/** A request every 40 ms, over midnight, so that there are two files. */
function request(n: number): { line: string; path: string; minute: string; total: Total } {
  const date = new Date(startMs + 40 * n)
  const path = `/p${n % 7}`
  const status = n % 11 === 0 ? 503 : 200
  const day = `${two(date.getUTCDate())}/${months[date.getUTCMonth()]}/${date.getUTCFullYear()}`
  const clock = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map(two).join(':')
  const line = `192.0.2.${n % 250} - - [${day}:${clock} +0000] "GET ${path}?n=${n} HTTP/1.1" ${status} ${n} "-" "test" 0.0${n % 10}\n`
  const minute = `${date.toISOString().slice(0, 16)}:00.000Z`
  return { line, path, minute, total: { requests: 1, failed: status === 503 ? 1 : 0, bytes: n } }
}

function expected(): Map<string, Total> {
  const totals = new Map<string, Total>()
  for (let n = 0; n < requestCount; n++) {
    const { path, minute, total } = request(n)
    const before = totals.get(`${minute} ${path}`) ?? { requests: 0, failed: 0, bytes: 0 }
    totals.set(`${minute} ${path}`, {
      requests: before.requests + total.requests,
      failed: before.failed + total.failed,
      bytes: before.bytes + total.bytes,
    })
  }
  return totals
}

function results(workspace: Workspace): { lines: number; totals: Map<string, Total> } {
  const folder = workspace.path('out')
  const names = existsSync(folder)
    ? readdirSync(folder).filter((name) => name.endsWith('.ndjson'))
    : []
  const lines = names.flatMap((name) =>
    readFileSync(`${folder}/${name}`, 'utf8').split('\n').slice(0, -1),
  )
  const totals = new Map(
    lines.map((line) => {
      const result = JSON.parse(line) as Total & { window_start: string; path: string }
      const { requests, failed, bytes } = result
      return [`${result.window_start} ${result.path}`, { requests, failed, bytes }] as const
    }),
  )
  return { lines: lines.length, totals }
}

/** Resolves once the process has the file open. */
async function untilOpen({ child }: CliProcess, path: string): Promise<void> {
  const folder = `/proc/${child.pid}/fd`
  const isOpen = () =>
    readdirSync(folder).some((fd) => {
      try {
        return readlinkSync(`${folder}/${fd}`) === path
      } catch {
        // It was closed just now.
        return false
      }
    })
  while (!isOpen()) await new Promise((resolve) => setTimeout(resolve, 20))
}

it('counts each request once while the log is written and rotated and the run is killed', async () => {
  using workspace = exampleWorkspace()
  const log = workspace.path('pipelines/access.log')
  const start = () =>
    new CliProcess(['run', 'pipelines/access-log.yaml'], { cwd: workspace.folder })
  let run = start()
  let kills = 0
  const chunk = 500
  for (let from = 0; from < requestCount; from += chunk) {
    const lines = Array.from({ length: chunk }, (_, index) => request(from + index).line).join('')
    // A part of a line first: a reader may come in between.
    const cut = lines.length - 20
    appendFileSync(log, lines.slice(0, cut))
    if (from % 6_000 === 3_000) {
      run.child.kill('SIGKILL')
      await run.ended
      kills += 1
    }
    appendFileSync(log, lines.slice(cut))
    if (from % 5_000 === 4_500) {
      // Who has never committed where it was has never been there, for the next one that is started.
      if (from < 5_000) await run.untilFile(workspace.path('out/paths-2026-10-10.ndjson'))
      // A file that comes and goes while nobody looks is never known.
      await untilOpen(run, log)
      renameSync(log, `${log}.${from}`)
      appendFileSync(log, '')
    }
    if (run.child.killed) run = start()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  // Requests of every path, far later and within one minute, end the windows of all that came before.
  const later = Array.from(
    { length: 280 },
    (_, index) => request(requestCount + 100_000 + index).line,
  )
  appendFileSync(log, later.join(''))
  const wanted = expected()
  await run.untilFile(workspace.path('out/paths-2026-10-11.ndjson'), () => {
    return results(workspace).totals.size >= wanted.size
  })
  run.child.kill('SIGTERM')
  const { code, stderr } = await run.ended
  expect({ code, stderr }).toMatchObject({ code: 0 })
  expect(kills).toBe(5)
  const { lines, totals } = results(workspace)
  expect(lines).toBe(totals.size)
  expect(totals).toEqual(wanted)
  expect(readdirSync(workspace.path('out')).filter((name) => !name.startsWith('.'))).toEqual([
    'paths-2026-10-10.ndjson',
    'paths-2026-10-11.ndjson',
  ])
  rmSync(log)
}, 120_000)
