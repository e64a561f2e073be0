import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/**
 * Sends lines over some connections, as fast as they are taken, and waits until all of them are answered;
 * prints the lines per second. Arguments: port, connections, lines.
 */
const [port = 0, connections = 1, lines = 1] = process.argv.slice(2).map(Number)

/** Of one write. */
const chunkLines = 250
const line = `${JSON.stringify({ sensor: 's-0042', celsius: 21.5, at: '2026-01-01T00:00:00Z', pad: 'x'.repeat(40) })}\n`
const chunk = Buffer.from(line.repeat(chunkLines))

async function open(): Promise<Socket> {
  for (let attempt = 0; ; attempt++) {
    const socket = connect({ port, host: '127.0.0.1' })
    try {
      await once(socket, 'connect')
      return socket
    } catch (thrown) {
      if (attempt === 200) throw thrown
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

async function drive(socket: Socket, count: number): Promise<void> {
  let answered = 0
  const done = new Promise<void>((resolve, reject) => {
    socket.on('close', () => reject(new Error('the server has closed')))
    socket.on('data', (data) => {
      for (let at = data.indexOf(10); at >= 0; at = data.indexOf(10, at + 1)) answered += 1
      if (answered === count) resolve()
    })
  })
  for (let sent = 0; sent < count; sent += chunkLines)
    if (!socket.write(chunk)) await Promise.race([once(socket, 'drain'), done])
  await done
}

const sockets: Socket[] = []
for (let index = 0; index < connections; index++) sockets.push(await open())
const each = Math.ceil(lines / connections / chunkLines) * chunkLines
const start = performance.now()
await Promise.all(sockets.map((socket) => drive(socket, each)))
const seconds = (performance.now() - start) / 1_000
process.stdout.write(`${Math.round((each * connections) / seconds)}\n`)
process.exit(0)
