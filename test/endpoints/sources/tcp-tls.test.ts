import { readFileSync, writeFileSync } from 'node:fs'
import { connect as connectTls } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { tcpSource } from '../../../src/endpoints/sources/tcp.ts'
import { ListeningSource, turn } from '../clients/listening-source.ts'
import { aFolder, errorOf } from '../endpoint-fixture.ts'
import { selfSigned } from '../tcp/self-signed.ts'
import { TcpPeer } from '../tcp/tcp-peer.ts'

const request = { maxRecords: 1, maxBytes: 1, signal: new AbortController().signal }
const { cert, key } = selfSigned()
const trusted = { ca: readFileSync(cert), servername: 'localhost', host: '127.0.0.1' }
const own = { cert: readFileSync(cert), key: readFileSync(key) }

async function aPeer(port: number, more: object = {}): Promise<TcpPeer> {
  // Of all sockets alike, which the types of TLS do not know.
  const half: object = { allowHalfOpen: true }
  const socket = connectTls({ ...trusted, port, ...half, ...more })
  const peer = new TcpPeer(socket)
  await new Promise((resolve, reject) => {
    socket.once('secureConnect', resolve)
    socket.once('error', reject)
  })
  return peer
}

describe('the tcp source with TLS', () => {
  it('talks to clients that speak it, to the end of their last reply', async () => {
    const source = new ListeningSource(tcpSource, { port: 0, tls: { cert, key }, reply: 'ok' })
    const peer = await aPeer(await source.start())
    peer.send('1\n2\n')
    peer.socket.end()
    expect(await peer.closed()).toBe('ok\nok\n')
    expect(source.taken.values).toEqual(['1', '2'])
  })

  it('turns away clients that do not, and counts them', async () => {
    const source = new ListeningSource(tcpSource, { port: 0, tls: { cert, key } })
    const port = await source.start()
    const plain = await TcpPeer.open(port)
    plain.send('{"a":1}\n')
    await plain.closed()
    while (source.drops.refused_client === undefined) await turn()
    expect(source.taken.values).toEqual([])
  })

  it('takes only clients with a certificate of its authority where it has one', async () => {
    const setting = { port: 0, tls: { cert, key, ca: cert }, reply: 'ok' }
    const source = new ListeningSource(tcpSource, setting)
    const port = await source.start()
    const stranger = await aPeer(port)
    stranger.send('1\n')
    await stranger.closed()
    const known = await aPeer(port, own)
    known.send('2\n')
    await known.until(({ lines }) => lines.length === 1)
    expect(source.taken.values).toEqual(['2'])
  })

  it('names the file that is missing, and says what is wrong with one, without what is in it', async () => {
    const missing = new ListeningSource(tcpSource, { port: 0, tls: { cert: '/no/such.pem', key } })
    const one = await errorOf(missing.source.read(request))
    expect([one.code, one.message]).toEqual([
      'CONFIG_FILE',
      expect.stringContaining('/no/such.pem'),
    ])
    const { path } = aFolder()
    writeFileSync(`${path}/key.pem`, 'hunter2')
    const setting = { port: 0, tls: { cert, key: `${path}/key.pem` } }
    const broken = new ListeningSource(tcpSource, setting)
    const other = await errorOf(broken.source.read(request))
    expect(other.code).toBe('CONFIG_FILE')
    expect(other.message).not.toContain('hunter2')
  })
})
