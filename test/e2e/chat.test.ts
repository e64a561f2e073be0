import { spawn, type ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { SocketPeer } from '../endpoints/websocket/socket-peer.ts'
import { CliProcess, Workspace } from './cli-process.ts'
import { freePort } from './free-port.ts'

let workspace: Workspace
const curls: ChildProcess[] = []
afterEach(() => {
  for (const curl of curls.splice(0)) curl.kill('SIGKILL')
  workspace.remove()
})

/** A room of a chat on one path: what a client says is stored, and then pushed to all of its room. */
function chat(port: number): string {
  return `
pipeline: chat
stages:
  - name: listen
    source:
      websocket:
        port: ${port}
        path: /chat
        reply: stored \${value.n}
    key: value.room
    to: said
  - name: tell
    from: said
    steps:
      - set:
          room: value.room
    sink:
      websocket:
        port: ${port}
        path: /chat
        room: value.room
        history: 5
  - name: page
    from: said
    sink:
      sse:
        port: ${port}
        path: /live
        history: 3
`
}

async function connected(url: string, run: CliProcess): Promise<SocketPeer> {
  for (;;) {
    try {
      return await SocketPeer.open(url)
    } catch (thrown) {
      if (run.child.exitCode !== null) throw thrown
      await sleep(50)
    }
  }
}

function curlOf(url: string): { readonly text: () => string } {
  let text = ''
  const curl = spawn('curl', ['-sN', url], { stdio: ['ignore', 'pipe', 'ignore'] })
  curl.stdout.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')))
  curls.push(curl)
  return { text: () => text }
}

describe('a chat over WebSockets', () => {
  it('tells a room what was stored, to sockets and pages, and goes on after kill -9', async () => {
    const port = await freePort()
    const url = `ws://127.0.0.1:${port}/chat`
    workspace = new Workspace({ 'chat.yaml': chat(port) })
    const stored: number[] = []
    for (let life = 0; life < 2; life++) {
      const run = new CliProcess(['run', 'chat.yaml'], { cwd: workspace.folder })
      const ann = await connected(`${url}?room=tea`, run)
      const bob = await connected(`${url}?room=tea`, run)
      const eve = await connected(`${url}?room=coffee`, run)
      const page = curlOf(`http://127.0.0.1:${port}/live`)
      for (let n = 0; n < 20; n++) ann.send(`{"room":"tea","n":${100 * life + n}}`)
      await ann.until(({ received }) => received.includes(`stored ${100 * life + 19}`))
      const last = `"n":${100 * life + 19}`
      await bob.until(({ received }) => received.some((text) => text.includes(last)))
      while (!page.text().includes(last)) await sleep(20)
      stored.push(
        ...ann.received.flatMap((text) => /^stored (\d+)$/.exec(text)?.[1] ?? []).map(Number),
      )
      expect(eve.received).toEqual([])
      // Who comes later gets what is kept.
      const late = await connected(`${url}?room=tea`, run)
      await late.until(({ received }) => received.length >= 5)
      expect(late.received[4]).toContain(last)
      run.child.kill(life === 0 ? 'SIGKILL' : 'SIGTERM')
      const { code } = await run.ended
      if (life === 1) {
        expect(code).toBe(0)
        expect((await bob.untilClosed()).code).toBe(1001)
      }
    }
    expect(stored).toEqual(
      [0, 100].flatMap((from) => Array.from({ length: 20 }, (_, n) => from + n)),
    )
  })
})
