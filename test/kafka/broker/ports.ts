import { createServer } from 'node:net'

/**
 * Below the ports that systems give to outgoing connections: such a one could otherwise take the port
 * of a broker that was killed, and a client that reconnects to it could even connect to itself.
 */
const firstPort = 21_000
const portCount = 1_000

/** Another place to begin for every process, since two of them may look at the same time. */
let next = (process.pid * 13) % portCount

/** Ports of 127.0.0.1 that nobody listens at. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  for (let tried = 0; tried < portCount && ports.length < count; tried += 1) {
    next = (next + 1) % portCount
    const port = firstPort + next
    if (await isFree(port)) ports.push(port)
  }
  if (ports.length < count) {
    throw new Error(`ports ${firstPort} to ${firstPort + portCount - 1} are all in use`)
  }
  return ports
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

/** Ports by listener, with one for CONTROLLER; `direct` for DIRECT, when it is given. */
export async function choosePorts(
  listeners: readonly string[],
  direct: number | undefined,
): Promise<Readonly<Record<string, number>>> {
  if (direct !== undefined && !(await isFree(direct))) {
    throw new Error(
      `port ${direct} of 127.0.0.1 is in use: end what listens there, or choose another one`,
    )
  }
  const free = await freePorts(listeners.length + 1)
  const ports = Object.fromEntries([...listeners, 'CONTROLLER'].map((name, i) => [name, free[i]!]))
  return direct === undefined ? ports : { ...ports, DIRECT: direct }
}

/** `host:port` by listener, for clients on this machine. */
export function listenerAddresses(
  host: string,
  ports: Readonly<Record<string, number>>,
): Readonly<Record<string, string>> {
  const clients = Object.entries(ports).filter(([name]) => name !== 'CONTROLLER')
  return Object.fromEntries(clients.map(([name, port]) => [name, `${host}:${port}`]))
}
