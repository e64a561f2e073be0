import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { TcpPeer } from '../endpoints/tcp/tcp-peer.ts'
import { CliProcess, Workspace } from './cli-process.ts'
import { freePort } from './free-port.ts'

let workspace: Workspace
afterEach(() => workspace.remove())

/** Tries until somebody listens. */
async function connected(port: number, run: CliProcess): Promise<TcpPeer> {
  for (;;) {
    try {
      return await TcpPeer.open(port)
    } catch (thrown) {
      if (run.child.exitCode !== null) throw thrown
      await sleep(50)
    }
  }
}

function pipeline(port: number, reply: string): string {
  return `
pipeline: readings
stages:
  - name: listen
    source:
      tcp:
        port: ${port}
        reply: ${reply}
    to: raw
  - name: double
    from: raw
    steps:
      - set:
          twice: value.n * 2
    to: answers
  - name: keep
    from: answers
    sink:
      file: { path: out.ndjson }
`
}

function start(): CliProcess {
  return new CliProcess(['run', 'readings.yaml'], { cwd: workspace.folder })
}

describe('a pipeline that listens for tcp clients', () => {
  it('has stored all that it thanked for, whenever it is killed', async () => {
    const port = await freePort()
    workspace = new Workspace({ 'readings.yaml': pipeline(port, 'Thank you for the data') })
    let next = 0
    let thanked = 0
    for (let life = 0; life < 3; life++) {
      const run = start()
      const peer = await connected(port, run)
      const first = next
      const pour = (): void => {
        for (let count = 0; count < 500; count++) peer.send(`{"n":${next++}}\n`)
      }
      pour()
      let answered = 0
      while (answered < 5_000) {
        await peer.until(({ lines }) => lines.length > answered)
        answered = peer.lines.length
        if (next - first < answered + 2_000) pour()
      }
      expect(new Set(peer.lines)).toEqual(new Set(['Thank you for the data']))
      run.child.kill('SIGKILL')
      await run.ended
      thanked += peer.lines.length
      // What was not thanked for is sent again by a client that wants it stored.
      next = first + peer.lines.length
      peer.socket.destroy()
    }
    const run = start()
    const peer = await connected(port, run)
    peer.send(`{"n":${next}}\n`)
    await peer.until(({ lines }) => lines.length === 1)
    await run.untilFile(workspace.path('out.ndjson'), (text) => text.includes(`"n":${next},`))
    run.child.kill('SIGTERM')
    const { code } = await run.ended
    expect(code).toBe(0)
    const stored = new Set(workspace.lines('out.ndjson').map((line) => JSON.parse(line).n))
    for (let n = 0; n < thanked; n++) if (!stored.has(n)) expect(`${n} stored`).toBe('lost')
  })

  it('answers with the result of the same message, through its stages', async () => {
    const port = await freePort()
    const reply = '{ from: answers, timeout: 20s }'
    workspace = new Workspace({ 'readings.yaml': pipeline(port, reply) })
    const run = start()
    const peers = await Promise.all([connected(port, run), connected(port, run)])
    for (let n = 0; n < 50; n++)
      for (const [index, peer] of peers.entries()) peer.send(`{"n":${n + 100 * index}}\n`)
    for (const [index, peer] of peers.entries()) {
      await peer.until(({ lines }) => lines.length === 50)
      const twice = peer.lines.map((line) => JSON.parse(line).twice)
      expect(twice).toEqual(Array.from({ length: 50 }, (_, n) => 2 * (n + 100 * index)))
    }
    run.child.kill('SIGTERM')
    expect((await run.ended).code).toBe(0)
  })
})
