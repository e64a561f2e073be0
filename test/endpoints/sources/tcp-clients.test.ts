import { describe, expect, it } from 'vitest'
import { tcpSource } from '../../../src/endpoints/sources/tcp.ts'
import { ListeningSource } from '../clients/listening-source.ts'
import { TcpPeer } from '../tcp/tcp-peer.ts'

const clients = 2_000

describe('thousands of tcp clients', () => {
  it('are answered in their order, all of them, by a process that stays small', async () => {
    const source = new ListeningSource(tcpSource, { port: 0, reply: '${value.c} ${value.n}' })
    const port = await source.start()
    const before = process.memoryUsage().rss
    const peers: TcpPeer[] = []
    for (let index = 0; index < clients; index += 100)
      peers.push(...(await Promise.all(Array.from({ length: 100 }, () => TcpPeer.open(port)))))
    const numbers = [0, 1, 2]
    for (const n of numbers)
      for (const [c, peer] of peers.entries()) peer.send(`{"c":${c},"n":${n}}\n`)
    await Promise.all(peers.map((peer) => peer.until(({ lines }) => lines.length === 3)))
    for (const [c, peer] of peers.entries())
      expect(peer.lines).toEqual(numbers.map((n) => `${c} ${n}`))
    // They share slices, and so commits.
    expect(source.slices.length).toBeLessThan(clients)
    expect(process.memoryUsage().rss - before).toBeLessThan(300_000_000)
    for (const peer of peers) peer.socket.destroy()
  })

  it('do not wait for one that sends without end', async () => {
    const source = new ListeningSource(tcpSource, { port: 0, reply: 'ok' })
    const port = await source.start()
    const greedy = await TcpPeer.open(port)
    greedy.socket.resume()
    const pour = (): void => {
      while (!greedy.socket.destroyed && greedy.socket.write('{"greedy":true}\n'.repeat(1_000)));
    }
    greedy.socket.on('drain', pour)
    pour()
    await source.untilTaken(10_000)
    const modest = await TcpPeer.open(port)
    const atFirst = source.taken.values.length
    modest.send('"modest"\n')
    await modest.until(({ lines }) => lines.length === 1)
    const place = source.taken.values.indexOf('"modest"', atFirst)
    expect(place - atFirst).toBeLessThan(20_000)
    greedy.socket.destroy()
  })
})
