import { connect } from 'node:net'
import { createSystemClock } from '../../../src/clock/system-clock.ts'

const clock = createSystemClock()
const pollMs = 30
const answerTimeoutMs = 1_000

/** ApiVersions, version 0: length, api key 18, version, correlation id, client id null. */
export const apiVersionsRequest = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff])

/** Resolves once the broker answers requests; throws what `failed` says first, or after the time. */
export async function untilAnswering(
  address: string,
  { timeoutMs, failed }: { timeoutMs: number; failed: () => string | null },
): Promise<void> {
  const endUs = clock.monotonicUs() + timeoutMs * 1_000
  while (!(await isAnswering(address))) {
    const reason = failed()
    if (reason !== null) throw new Error(reason)
    if (clock.monotonicUs() > endUs) {
      throw new Error(`the broker at ${address} does not answer after ${timeoutMs} ms`)
    }
    await clock.sleep(pollMs)
  }
}

/** Whether a Kafka broker answers at `host:port`; that a port is open does not say so. */
export function isAnswering(address: string): Promise<boolean> {
  const colon = address.lastIndexOf(':')
  return new Promise((resolve) => {
    const socket = connect(Number(address.slice(colon + 1)), address.slice(0, colon))
    const finish = (answering: boolean) => {
      socket.destroy()
      resolve(answering)
    }
    socket.setTimeout(answerTimeoutMs, () => finish(false))
    socket.on('error', () => finish(false))
    socket.on('close', () => finish(false))
    socket.on('connect', () => socket.write(apiVersionsRequest))
    // Length, the correlation id that was sent, no error.
    socket.on('data', (data) => finish(data.length >= 10 && data.readInt32BE(4) === 1))
  })
}
