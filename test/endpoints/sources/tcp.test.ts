import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { tcpSource } from '../../../src/endpoints/sources/tcp.ts'
import { ListeningSource, turn } from '../clients/listening-source.ts'
import { errorOf } from '../endpoint-fixture.ts'
import { replyHeader } from '../../../src/endpoints/replies/result-waiters.ts'
import { aResultEnvironment } from '../replies/result-topic.ts'
import { TcpPeer } from '../tcp/tcp-peer.ts'

const thanks = 'Thank you for the data'

async function aSource(setting: object = {}) {
  const source = new ListeningSource(tcpSource, { port: 0, ...setting })
  const port = await source.start()
  return { source, port, connect: () => TcpPeer.open(port) }
}

function framed(text: string): Buffer {
  const bytes = Buffer.alloc(4 + text.length)
  bytes.writeUInt32BE(text.length)
  bytes.write(text, 4)
  return bytes
}

describe('the tcp source', () => {
  it('takes lines as they are and thanks for each once it is stored', async () => {
    const { source, connect } = await aSource({ reply: thanks })
    source.hold()
    const peer = await connect()
    peer.send('{"a":1}\r\n\n{"a": 2}\nnot json\n')
    await source.untilTaken(3)
    for (let index = 0; index < 10; index++) await turn()
    expect(peer.text).toBe('')
    source.release()
    await peer.until(({ lines }) => lines.length === 3)
    expect(peer.lines).toEqual([thanks, thanks, thanks])
    expect(source.taken.values).toEqual(['{"a":1}', '{"a": 2}', 'not json'])
    expect(source.infos[1]).toEqual({ remote_ip: '127.0.0.1', connection: 1, line: 3 })
  })

  it('replies with what the message says, in order, and says where that cannot be', async () => {
    const { connect } = await aSource({
      reply: 'got ${value.id} from ${source.remote_ip} ${1 + value.n}',
    })
    const peer = await connect()
    peer.send('{"id":"x","n":1}\n{"id":"y"}\nno\n')
    await peer.until(({ lines }) => lines.length === 3)
    expect(peer.lines).toEqual([
      'got x from 127.0.0.1 2',
      expect.stringMatching(/^error RECORD_EXPRESSION: the message is stored; /),
      expect.stringMatching(/^error RECORD_EXPRESSION: /),
    ])
  })

  it('replies with results and with errors of dead letters, in the order of the messages', async () => {
    const { clock, topics } = aResultEnvironment()
    const reply = { from: 'results', timeout: '1s', dead_letters: 'failed' }
    const more = { clock, environment: { topics } }
    const source = new ListeningSource(tcpSource, { port: 0, reply }, more)
    const peer = await TcpPeer.open(await source.start())
    peer.send('a\nb\nc\n')
    await source.untilTaken(3)
    const ids = source.slices.flatMap(({ batch }) =>
      Array.from({ length: batch.count }, (_, index) => {
        const [, id] = batch.headers(index).find(([name]) => name === replyHeader)!
        return [replyHeader, Buffer.from(id)] as const
      }),
    )
    const about = [
      ['millrace-dlq-code', 'RECORD_CAST'],
      ['millrace-dlq-message', 'n is no number'],
    ] as const
    await topics.write('failed', { value: 'b', headers: [ids[1]!, ...about] })
    await topics.write('results', { value: '{"of":"a"}', headers: [ids[0]!] })
    await clock.advance(2_000)
    await peer.until(({ lines }) => lines.length === 3)
    expect(peer.lines).toEqual([
      '{"of":"a"}',
      'error RECORD_CAST: n is no number',
      'error late_reply: the message is stored; its result did not come in time',
    ])
    expect(source.drops).toEqual({ late_reply: 1 })
  })

  it('sends nothing where no reply is asked for', async () => {
    const { source, connect } = await aSource()
    const peer = await connect()
    peer.send('1\n2\n')
    await source.untilTaken(2)
    peer.socket.end()
    expect(await peer.closed()).toBe('')
  })

  it('frames messages and replies by their length where it is told to', async () => {
    const { source, connect } = await aSource({ framing: 'length', format: 'bytes', reply: 'ok' })
    const peer = await connect()
    for (const byte of Buffer.concat([framed('a\nb'), framed(''), framed('c')]))
      peer.send(Buffer.from([byte]))
    await peer.until(({ received }) => received.length === 18)
    expect(peer.received).toEqual(Buffer.concat([framed('ok'), framed('ok'), framed('ok')]))
    expect(source.taken.values).toEqual(['a\nb', '', 'c'])
  })

  it('takes another delimiter, which ends replies too', async () => {
    const { source, connect } = await aSource({ framing: { delimiter: '\\0' }, reply: 'ok' })
    const peer = await connect()
    peer.send('{\n}\0')
    await peer.until(({ received }) => received.length === 3)
    expect([peer.text, source.taken.values]).toEqual(['ok\0', ['{\n}']])
  })

  it('makes objects of csv rows, by the header of each connection', async () => {
    const { source, connect } = await aSource({ format: 'csv', reply: 'ok' })
    const one = await connect()
    one.send('id,name\n1,"A, B"\n2\n')
    await one.until(({ lines }) => lines.length === 2)
    const other = await connect()
    other.send('name\nC\n')
    await other.until(({ lines }) => lines.length === 1)
    expect(source.taken).toEqual({
      values: ['{"id":"1","name":"A, B"}', '{"name":"C"}'],
      failures: ['RECORD_DECODE 2'],
    })
    expect(one.lines).toEqual([
      'ok',
      'error RECORD_DECODE: message 3: the row has 1 fields for 2 columns',
    ])
  })

  it('closes a connection whose csv header is broken, and only that', async () => {
    const { source, connect } = await aSource({ format: 'csv', reply: 'ok' })
    const peer = await connect()
    peer.send('id,id\n1,2\n')
    expect(await peer.closed()).toMatch(/^error RECORD_DECODE: message 1: .*two columns/)
    const other = await connect()
    other.send('id\n1\n')
    await other.until(({ lines }) => lines.length === 1)
    expect(source.taken).toEqual({ values: ['{"id":"1"}'], failures: ['RECORD_DECODE id,id'] })
  })

  it('tells a client whose message is too long, behind the replies before it, and closes', async () => {
    const { source, connect } = await aSource({ max_frame: '8B', reply: 'ok' })
    const peer = await connect()
    peer.send('1\n2\n123456789\n3\n')
    expect(await peer.closed()).toBe(
      'ok\nok\nerror RECORD_TOO_LARGE: message 3: the frame is longer than max_frame (8 bytes); 8 bytes of it are kept\n',
    )
    expect(source.taken).toEqual({ values: ['1', '2'], failures: ['RECORD_TOO_LARGE 12345678'] })
    expect(source.drops).toEqual({ too_large: 1 })
  })

  it('goes on behind a message that is too long where it is told to', async () => {
    const { source, connect } = await aSource({ max_frame: '8B', too_long: 'skip', reply: 'ok' })
    const peer = await connect()
    peer.send(`1\n${'x'.repeat(500_000)}`)
    peer.send(`${'x'.repeat(500_000)}\n3\n`)
    await peer.until(({ lines }) => lines.length === 3)
    expect(peer.lines[2]).toBe('ok')
    expect(source.taken.values).toEqual(['1', '3'])
  })

  it('reads on and lets go what follows, so that the error reaches a client that does not stop', async () => {
    const { source, connect } = await aSource({ max_frame: '1KiB', reply: 'ok' })
    const peer = await connect()
    const chunk = Buffer.alloc(1024 * 1024, 'x')
    for (let index = 0; index < 20; index++) peer.send(chunk)
    expect(await peer.closed()).toContain('error RECORD_TOO_LARGE')
    expect(source.drops).toEqual({ too_large: 1 })
  })

  it('answers what came before the client ended its side, and drops an unfinished message', async () => {
    const { source, connect } = await aSource({ reply: 'ok' })
    const peer = await connect()
    peer.send('1\n2\n{"cut":')
    peer.socket.end()
    expect(await peer.closed()).toBe('ok\nok\n')
    expect(source.taken.values).toEqual(['1', '2'])
    expect(source.drops).toEqual({ unfinished: 1 })
  })

  it('takes what was whole when a client died, and counts the answer that it did not get', async () => {
    const { source, connect } = await aSource({ reply: 'ok' })
    source.hold()
    const peer = await connect()
    peer.send('1\n2\n')
    await source.untilTaken(2)
    peer.socket.resetAndDestroy()
    while (source.drops.lost_client === undefined) await turn()
    source.release()
    const next = await connect()
    next.send('3\n')
    await next.until(({ lines }) => lines.length === 1)
    expect(source.taken.values).toEqual(['1', '2', '3'])
  })
})

describe('the tcp source under load', () => {
  it('closes a client that completes nothing, and not one whose messages wait', async () => {
    const { source, connect } = await aSource({ idle_timeout: '10s', reply: 'ok' })
    source.hold()
    const silent = await connect()
    const slowloris = await connect()
    const waiting = await connect()
    waiting.send('1\n')
    await source.untilTaken(1)
    for (let second = 0; second < 14; second++) {
      slowloris.send('x')
      await turn()
      await source.clock.advance(1_000)
    }
    expect(await silent.closed()).toMatch(/^error idle_client: /)
    expect(await slowloris.closed()).toMatch(/^error idle_client: /)
    expect(waiting.hasEnded).toBe(false)
    source.release()
    await waiting.until(({ lines }) => lines.length === 1)
    expect(source.drops.idle_client).toBe(2)
  })

  it('refuses more clients than may be there, and takes others when they have gone', async () => {
    const { source, connect } = await aSource({ max_clients: 2, reply: 'ok' })
    const [one] = [await connect(), await connect()]
    const third = await connect()
    expect(await third.closed()).toMatch(/^error too_many_clients: 2 clients are connected/)
    expect(source.drops).toEqual({ too_many_clients: 1 })
    third.socket.end()
    one.socket.end()
    await one.closed()
    for (let index = 0; index < 20; index++) await turn()
    const fourth = await connect()
    fourth.send('1\n')
    await fourth.until(({ lines }) => lines.length === 1)
  })

  it('refuses more clients of one address than may be there', async () => {
    const { connect } = await aSource({ max_clients_per_address: 1 })
    await connect()
    const second = await connect()
    expect(await second.closed()).toMatch(/^error too_many_clients: 1 clients of this address/)
  })

  it('does not read from clients while nothing is taken, and loses nothing by it', async () => {
    const { source, connect } = await aSource({ reply: 'ok', buffer: '4MiB' })
    source.hold()
    const peer = await connect()
    const total = 100_000
    let sent = 0
    const isFull = () => {
      while (sent < total) {
        sent += 1
        if (!peer.socket.write(`{"n":${sent},"pad":"${'x'.repeat(100)}"}\n`)) return true
      }
      return false
    }
    peer.socket.on('drain', isFull)
    isFull()
    await source.untilTaken(1)
    for (let index = 0; index < 200; index++) await turn()
    // Far less than all of it has gone out: the sender is held back.
    expect(peer.socket.bytesWritten - peer.socket.writableLength).toBeLessThan(20_000_000)
    expect(sent).toBeLessThan(total)
    source.release()
    await peer.until(({ bytes }) => bytes === 3 * total)
    expect(source.taken.values.map((value) => JSON.parse(value).n)).toEqual(
      Array.from({ length: total }, (_, index) => index + 1),
    )
  })

  it('makes room by closing who holds the most where unfinished messages fill all of it', async () => {
    const { source, connect } = await aSource({ buffer: '1MiB', max_frame: '512KiB', reply: 'ok' })
    const large = await connect()
    large.send(Buffer.alloc(400_000, 'x'))
    const others = [await connect(), await connect(), await connect()]
    for (const peer of others) peer.send(Buffer.alloc(200_000, 'y'))
    expect(await large.closed()).toMatch(/^error out_of_room: /)
    expect(source.drops.out_of_room).toBeGreaterThan(0)
    const last = await connect()
    last.send('1\n')
    await last.until(({ lines }) => lines.length === 1)
  })

  it('takes nothing more from a client that does not read its replies, then closes it', async () => {
    const setting = { reply: 'x'.repeat(1_000), reply_buffer: '64KiB', idle_timeout: '10s' }
    const { source, connect } = await aSource(setting)
    const peer = await connect()
    peer.socket.pause()
    for (let index = 0; index < 200_000; index++) peer.send(`${index}\n`)
    let taken = -1
    while (taken !== source.taken.values.length) {
      taken = source.taken.values.length
      for (let index = 0; index < 200; index++) await turn()
    }
    expect(taken).toBeLessThan(50_000)
    await source.clock.advance(20_000)
    expect(source.drops.slow_client).toBe(1)
    const next = await connect()
    next.send('1\n')
    await next.until(({ lines }) => lines.length === 1)
  })

  it('goes on with a client that reads its replies again', async () => {
    const { connect } = await aSource({ reply: 'x'.repeat(1_000), reply_buffer: '64KiB' })
    const peer = await connect()
    peer.socket.pause()
    for (let index = 0; index < 12_000; index++) peer.send(`${index}\n`)
    for (let index = 0; index < 300; index++) await turn()
    peer.socket.resume()
    await peer.until(({ bytes }) => bytes >= 12_000 * 1_001)
    expect(peer.lines).toHaveLength(12_000)
  })

  it('answers at a stop what was stored, and nothing that was not', async () => {
    const { source, connect } = await aSource({ reply: 'ok' })
    source.hold()
    const peer = await connect()
    peer.send('1\n')
    await source.untilTaken(1)
    peer.send('2\n')
    await turn()
    const stopping = source.stop()
    expect(await peer.closed()).toBe('ok\n')
    peer.socket.end()
    await stopping
    expect(source.taken.values).toEqual(['1'])
    await expect(connect()).rejects.toThrow('ECONNREFUSED')
  })

  it('says what to do where its port is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as { port: number }
    const source = new ListeningSource(tcpSource, { port })
    const error = await errorOf(
      source.source.read({ maxRecords: 1, maxBytes: 1, signal: new AbortController().signal }),
    )
    expect([error.code, error.message]).toEqual([
      'CONFIG_ADDRESS',
      `the tcp source cannot listen on 127.0.0.1:${port}: another program listens there; end it, or set another port`,
    ])
    server.close()
  })

  it.each([
    [{}, 'port'],
    [{ port: 70_000 }, 'port'],
    [{ port: 1, framing: 'frames' }, 'framing'],
    [{ port: 1, framing: { delimiter: '' } }, 'framing'],
    [{ port: 1, format: 'json_array' }, 'format'],
    [{ port: 1, columns: ['a'] }, 'columns'],
    [{ port: 1, max_frame: '40MiB' }, 'max_frame'],
    [{ port: 1, reply: { timeout: '1s' } }, 'reply'],
    [{ port: 1, tls: { cert: 'a.pem' } }, 'tls'],
    [{ port: 1, max_clients: 0 }, 'max_clients'],
  ])('refuses %j', (setting, place) => {
    const issues = tcpSource.config.safeParse(setting).error?.issues
    expect(issues?.[0]?.path[0]).toBe(place)
  })

  it('promises at least once to clients that wait for replies, else at most once', () => {
    const of = (more: object) =>
      tcpSource.guarantee!(tcpSource.config.parse({ port: 1, ...more })).guarantee
    expect([of({}), of({ reply: thanks })]).toEqual(['at_most_once', 'at_least_once'])
  })
})
