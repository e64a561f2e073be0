import { spawn, type ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { TcpPeer } from '../endpoints/tcp/tcp-peer.ts'
import { SocketPeer } from '../endpoints/websocket/socket-peer.ts'
import { alertReceiver, type CloudEvent } from './alert-receiver.ts'
import { CliProcess, millrace, Workspace } from './cli-process.ts'
import { exampleWorkspace } from './examples.ts'
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
  // The stages of a port open one after the other: a path may be there later than the port.
  const retry = ['--fail', '--retry', '60', '--retry-delay', '1', '--retry-all-errors']
  const curl = spawn('curl', ['-sN', ...retry, url], { stdio: ['ignore', 'pipe', 'ignore'] })
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

interface Said {
  readonly room: string
  readonly user: string
  readonly text: string
}

function line(room: string, user: string, text: string): string {
  return JSON.stringify({ room, user, text })
}

function textsOf({ received }: SocketPeer): string[] {
  return received.map((message) => (JSON.parse(message) as Said).text)
}

async function storedIn<Value>(topic: string, cwd: string): Promise<Value[]> {
  const args = ['tap', topic, '--json', '--from', 'earliest', '--limit', '1000']
  const { code, stdout, stderr } = await millrace(args, { cwd })
  expect({ code, stderr }).toMatchObject({ code: 0 })
  const lines = stdout.split('\n').filter((each) => each !== '')
  return lines.map((each) => (JSON.parse(each) as { readonly value: Value }).value)
}

describe('the example pipelines/chat.yaml', () => {
  it('thanks, moderates, holds floods back, tells rooms and pages, and tells abuse after kill -9', async () => {
    workspace = exampleWorkspace()
    const cwd = workspace.folder
    const [port, tcpPort, abusePort] = [await freePort(), await freePort(), await freePort()]
    const env = {
      CHAT_PORT: String(port),
      CHAT_TCP_PORT: String(tcpPort),
      ABUSE_URL: `http://127.0.0.1:${abusePort}/abuse`,
    }
    const start = () => new CliProcess(['run', 'pipelines/chat.yaml'], { cwd, env })
    const url = `ws://127.0.0.1:${port}/chat`

    // Nobody hears of abuse in the first life.
    let run = start()
    const ann = await connected(`${url}?room=tea`, run)
    const eve = await connected(`${url}?room=coffee`, run)
    const page = curlOf(`http://127.0.0.1:${port}/live?room=tea`)
    const moderators = curlOf(`http://127.0.0.1:${port}/moderators`)
    const bob = await TcpPeer.open(tcpPort)
    bob.send(`${line('tea', 'bob', 'Good morning')}\n${line('tea', 'bob', 'My CASINO!')}\n`)
    bob.send(`${line('tea', 'bob', ' This darn rain ')}\n`)
    await bob.until(({ lines }) => lines.length === 3)
    expect(bob.lines).toEqual(Array(3).fill('Thank you for the data'))
    for (let n = 1; n <= 8; n++)
      eve.send(line('coffee', n % 2 === 0 ? 'eve' : ' EVE', `coffee ${n}`))
    await eve.until(({ received }) => received.length === 5)
    ann.send(line('tea', 'ann', 'Bless you'))
    await ann.until(({ received }) => received.length === 3)
    expect(textsOf(ann).toSorted()).toEqual(['Bless you', 'Good morning', 'This *** rain'])
    expect(textsOf(eve)).toEqual([1, 2, 3, 4, 5].map((n) => `coffee ${n}`))
    while (!page.text().includes('Bless you')) await sleep(20)
    expect(page.text()).toContain('This *** rain')
    expect(page.text()).not.toMatch(/coffee|casino/i)
    const seen = () => moderators.text().match(/^data: \{"code":"\w+"/gm) ?? []
    while (seen().length < 4) await sleep(20)
    expect(moderators.text()).toContain('"user":"bob","text":"My CASINO!"')
    run.child.kill('SIGKILL')
    await run.ended

    using receiver = await alertReceiver(3, abusePort)
    run = start()
    const late = await connected(`${url}?room=tea`, run)
    const carl = await TcpPeer.open(tcpPort)
    carl.send(`${line('tea', 'carl', 'Anybody here?')}\n`)
    await carl.until(({ lines }) => lines.length === 1)
    await late.until((peer) => textsOf(peer).includes('Anybody here?'))
    const ids = () => new Set(receiver.alerts.map(({ webhookId }) => webhookId))
    while (ids().size < 4 && run.child.exitCode === null) await sleep(20)
    run.child.kill('SIGTERM')
    expect(await run.ended).toMatchObject({ code: 0 })

    const history = await storedIn<Said>('chat.history', cwd)
    const texts = history.map(({ text }) => text).toSorted()
    const coffees = [1, 2, 3, 4, 5].map((n) => `coffee ${n}`)
    expect(texts).toEqual(
      ['Anybody here?', 'Bless you', 'Good morning', 'This *** rain', ...coffees].toSorted(),
    )
    // One event for each abuse, in the commit of its dead letter, whatever was killed.
    const events = await storedIn<CloudEvent>('chat.events', cwd)
    expect(events.map(({ data }) => data.event.code ?? '').toSorted()).toEqual([
      'RECORD_REQUIRED',
      'RECORD_THROTTLED',
      'RECORD_THROTTLED',
      'RECORD_THROTTLED',
    ])
    expect(new Set(receiver.alerts.map(({ event }) => event.id))).toEqual(
      new Set(events.map(({ id }) => id)),
    )
    expect(ids().size).toBe(4)
  })
})
