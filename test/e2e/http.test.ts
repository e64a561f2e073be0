import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { Agent, createServer as createHttpServer, request as send } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { CliProcess, millrace, Workspace } from './cli-process.ts'
import { freePort } from './free-port.ts'

const run = promisify(execFile)
const workspaces: Workspace[] = []
afterEach(() => {
  for (const workspace of workspaces.splice(0)) workspace.remove()
})

function aWorkspace(files: Record<string, string>): Workspace {
  const workspace = new Workspace(files)
  workspaces.push(workspace)
  return workspace
}

interface Answer {
  readonly status: number
  readonly body: string
}

/** As people try it out. */
async function curl(...args: readonly string[]): Promise<Answer> {
  const { stdout } = await run('curl', ['-sS', '-w', '\n%{http_code}', ...args])
  const at = stdout.lastIndexOf('\n')
  return { status: Number(stdout.slice(at + 1)), body: stdout.slice(0, at) }
}

const json = ['-H', 'content-type: application/json']

async function untilListening(process: CliProcess, port: number): Promise<void> {
  for (;;) {
    try {
      await curl(`http://127.0.0.1:${port}/`)
      return
    } catch {
      if (process.child.exitCode !== null) throw new Error(process.stderr)
      await new Promise((resolve) => setTimeout(resolve, 30))
    }
  }
}

const orders = `
pipeline: orders
stages:
  - name: ingest
    source:
      http:
        path: /orders
        port: \${PORT:-8080}
    key: value.user_id
    to: orders.raw
  - name: clean
    from: orders.raw
    steps:
      - cast:
          amount: number
      - filter: value.amount > 0
    to: orders.clean
  - name: show
    from: orders.clean
    sink:
      file: ./out.ndjson
`

describe('orders by HTTP', () => {
  test('are taken from curl, one or many, and bad ones are refused with a reason', async () => {
    const workspace = aWorkspace({ 'orders.yaml': orders })
    const port = await freePort()
    const options = { cwd: workspace.folder, env: { PORT: `${port}` } }
    const process = new CliProcess(['run', 'orders.yaml'], options)
    await untilListening(process, port)
    const url = `http://localhost:${port}/orders`
    expect(await curl(url, ...json, '-d', '{"user_id":"u1","amount":"7"}')).toEqual({
      status: 202,
      body: '{"accepted":1}',
    })
    const many = '[{"user_id":"u2","amount":8},{"user_id":"u3","amount":0}]'
    expect(await curl(url, ...json, '-d', many)).toMatchObject({ body: '{"accepted":2}' })
    const lines = ['-H', 'content-type: application/x-ndjson', '--data-binary']
    const sent = await curl(url, ...lines, '{"user_id":"u4","amount":9}\n{"amount":1}\n')
    expect(sent).toMatchObject({ status: 202 })
    expect(await curl(url, ...json, '-d', '{"user_id":')).toMatchObject({ status: 400 })
    expect(await curl(url, '-d', 'a=1')).toMatchObject({ status: 415 })
    expect(await curl(url)).toMatchObject({ status: 405 })
    await process.untilFile(workspace.path('out.ndjson'), (text) => text.split('\n').length === 5)
    process.child.kill('SIGTERM')
    expect(await process.ended).toMatchObject({ code: 0 })
    const amounts = workspace
      .lines('out.ndjson')
      .map((line) => (JSON.parse(line) as { amount: number }).amount)
    expect(amounts.toSorted((one, other) => one - other)).toEqual([1, 7, 8, 9])
  })

  test('that were accepted are there after kill -9, each of them once', async () => {
    const workspace = aWorkspace({ 'orders.yaml': orders })
    const port = await freePort()
    const options = { cwd: workspace.folder, env: { PORT: `${port}` } }
    const accepted: number[] = []
    let next = 0
    for (let round = 0; round < 3; round++) {
      const process = new CliProcess(['run', 'orders.yaml'], options)
      await untilListening(process, port)
      const agent = new Agent({ keepAlive: true })
      const client = async () => {
        for (;;) {
          const n = ++next
          if (!(await isAccepted(agent, port, n))) return
          accepted.push(n)
        }
      }
      const clients = Promise.all(Array.from({ length: 16 }, client))
      const wanted = accepted.length + 300
      while (accepted.length < wanted) await new Promise((resolve) => setTimeout(resolve, 5))
      process.child.kill('SIGKILL')
      await Promise.all([clients, process.ended])
      agent.destroy()
    }
    const last = new CliProcess(['run', 'orders.yaml'], options)
    await last.untilFile(workspace.path('out.ndjson'), (text) => {
      const stored = numbersIn(text)
      return accepted.every((n) => stored.has(n))
    })
    last.child.kill('SIGTERM')
    await last.ended
    const lines = workspace.lines('out.ndjson')
    expect(new Set(lines).size).toBe(lines.length)
  })

  test('under way are answered when the run is stopped, and none is taken any more', async () => {
    const workspace = aWorkspace({ 'orders.yaml': orders })
    const port = await freePort()
    const options = { cwd: workspace.folder, env: { PORT: `${port}` } }
    const process = new CliProcess(['run', 'orders.yaml'], options)
    await untilListening(process, port)
    const agent = new Agent({ keepAlive: true })
    const outcomes: boolean[] = []
    const client = async (number: number) => {
      for (let n = number; ; n += 100) {
        const isTaken = await isAccepted(agent, port, n)
        outcomes.push(isTaken)
        if (!isTaken) return
      }
    }
    const clients = Promise.all(Array.from({ length: 8 }, (_, number) => client(number + 1)))
    while (outcomes.length < 100) await new Promise((resolve) => setTimeout(resolve, 5))
    process.child.kill('SIGTERM')
    expect(await process.ended).toMatchObject({ code: 0 })
    await clients
    agent.destroy()
    const again = new CliProcess(['run', 'orders.yaml'], options)
    const taken = outcomes.filter(Boolean).length
    await again.untilFile(workspace.path('out.ndjson'), (text) => numbersIn(text).size >= taken)
    again.child.kill('SIGTERM')
    await again.ended
  })
})

describe('an address to listen on', () => {
  test('that another program has is a mistake in the settings', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    const workspace = aWorkspace({ 'orders.yaml': orders })
    const env = { PORT: `${port}` }
    const { code, stderr } = await millrace(['run', 'orders.yaml'], { cwd: workspace.folder, env })
    taken.close()
    expect(code).toBe(2)
    expect(stderr).toContain('CONFIG_ADDRESS')
    expect(stderr).toContain('another program listens there')
  })

  test('can be that of two stages, but with other paths', async () => {
    const two = (path: string) => `
pipeline: two
stages:
  - name: first
    source:
      http:
        path: /first
        port: \${PORT:-0}
    to: all
  - name: second
    source:
      http:
        path: ${path}
        port: \${PORT:-0}
    to: all
  - name: show
    from: all
    sink:
      file: ./out.ndjson
`
    const port = await freePort()
    const workspace = aWorkspace({ 'two.yaml': two('/second'), 'same.yaml': two('/first') })
    const options = { cwd: workspace.folder, env: { PORT: `${port}` } }
    const process = new CliProcess(['run', 'two.yaml'], options)
    await untilListening(process, port)
    for (const path of ['first', 'second'])
      expect(await curl(`http://127.0.0.1:${port}/${path}`, ...json, '-d', '1')).toMatchObject({
        status: 202,
      })
    process.child.kill('SIGTERM')
    await process.ended
    const { code, stderr } = await millrace(['run', 'same.yaml'], options)
    expect(code).toBe(2)
    expect(stderr).toContain('give one of them another path or port')
  })
})

describe('reply', () => {
  test('answers curl with the result of its own message, or why there is none', async () => {
    const workspace = aWorkspace({
      'check.yaml': `
pipeline: check
stages:
  - name: ask
    source:
      http:
        path: /check
        port: \${PORT:-8080}
        reply:
          from: check.done
          timeout: 20s
          dead_letters: check.judge.dlq
    key: value.id
    to: check.asked
  - name: judge
    from: check.asked
    steps:
      - cast:
          amount: number
      - set:
          ok: value.amount < 100
    to: check.done
`,
    })
    const port = await freePort()
    const options = { cwd: workspace.folder, env: { PORT: `${port}` } }
    const process = new CliProcess(['run', 'check.yaml'], options)
    await untilListening(process, port)
    const url = `http://127.0.0.1:${port}/check`
    const asked = Array.from({ length: 10 }, (_, id) =>
      curl(url, ...json, '-d', `{"id":${id},"amount":${id * 20}}`),
    )
    for (const [id, { status, body }] of (await Promise.all(asked)).entries()) {
      expect(status).toBe(200)
      expect(JSON.parse(body)).toEqual({ id, amount: id * 20, ok: id * 20 < 100 })
    }
    const { status, body } = await curl(url, ...json, '-d', '{"id":1,"amount":"n/a"}')
    expect(status).toBe(422)
    expect(JSON.parse(body)).toMatchObject({ code: 'RECORD_CAST', stage: 'judge' })
    process.child.kill('SIGTERM')
    expect(await process.ended).toMatchObject({ code: 0 })
  })
})

describe('records sent by HTTP', () => {
  test('carry the trace of the request that they came in', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const seen = Promise.withResolvers<string>()
    const peer = createHttpServer((request, response) => {
      seen.resolve(String(request.headers['traceparent']))
      response.end()
    }).listen(0, '127.0.0.1')
    await once(peer, 'listening')
    const workspace = aWorkspace({
      'pass.yaml': `
pipeline: pass
stages:
  - name: pass
    source:
      http:
        path: /in
        port: \${PORT:-8080}
    steps:
      - set:
          from: source.remote_ip
          shop: source.query.shop
    sink:
      http:
        url: http://127.0.0.1:${(peer.address() as AddressInfo).port}/out
`,
    })
    const port = await freePort()
    const options = { cwd: workspace.folder, env: { PORT: `${port}` } }
    const process = new CliProcess(['run', 'pass.yaml'], options)
    await untilListening(process, port)
    await curl(
      `http://127.0.0.1:${port}/in?shop=nl`,
      ...json,
      '-H',
      `traceparent: ${traceparent}`,
      '-d',
      '{"a":1}',
    )
    expect(await seen.promise).toContain(traceparent.slice(3, 35))
    process.child.kill('SIGTERM')
    await process.ended
    peer.close()
  })
})

function numbersIn(text: string): Set<number> {
  const lines = text.split('\n').slice(0, -1)
  return new Set(lines.map((line) => (JSON.parse(line) as { amount: number }).amount))
}

/** @returns whether the answer was 202: any other outcome leaves it open. */
function isAccepted(agent: Agent, port: number, n: number): Promise<boolean> {
  const headers = { 'content-type': 'application/json' }
  const at = { host: '127.0.0.1', port, path: '/orders', method: 'POST', headers, agent }
  return new Promise((resolve) => {
    const request = send(at, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode === 202))
      response.on('error', () => resolve(false))
    })
    request.on('error', () => resolve(false))
    request.end(JSON.stringify({ user_id: `u${n % 7}`, amount: n }))
  })
}
