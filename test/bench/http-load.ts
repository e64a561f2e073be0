import { connect } from 'node:net'

/**
 * Sends orders one by one over keep-alive connections, the next as soon as the last is answered, and prints what
 * it measured as JSON. In a process of its own. Arguments: port, connections, seconds to warm up, to measure.
 */
const [port = 0, connections = 64, warmUp = 1, seconds = 5] = process.argv.slice(2).map(Number)

const body = JSON.stringify({
  order_id: 'o-1234567',
  user_id: 'u-12345',
  country: 'NL',
  amount: 12.5,
  items: 3,
  ts: '2026-01-01T00:00:00Z',
})
const request = Buffer.from(
  `POST /orders HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
)
const statusAt = 'HTTP/1.1 '.length

let answered = 0
let refused = 0
let tookMs: number[] = []

for (let opened = 0; opened < connections; opened++) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  let sentMs = 0
  const send = () => {
    sentMs = performance.now()
    socket.write(request)
  }
  socket.on('connect', send)
  socket.on('data', (answer: Buffer) => {
    if (answer.toString('latin1', statusAt, statusAt + 3) === '202') answered += 1
    else refused += 1
    tookMs.push(performance.now() - sentMs)
    send()
  })
}

await new Promise((resolve) => setTimeout(resolve, 1_000 * warmUp))
answered = 0
tookMs = []
const startMs = performance.now()
await new Promise((resolve) => setTimeout(resolve, 1_000 * seconds))
const elapsed = (performance.now() - startMs) / 1_000
const ascending = tookMs.toSorted((one, other) => one - other)
const at = (share: number) => ascending[Math.floor(share * ascending.length)] ?? 0
process.stdout.write(
  JSON.stringify({ perSecond: answered / elapsed, refused, p50: at(0.5), p99: at(0.99) }),
)
process.exit()
