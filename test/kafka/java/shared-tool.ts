import { connect, createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'

/**
 * One KafkaTool for all test files: a Java process that is warm answers sooner than a new one for each
 * of them. A request is a line of JSON, with the lines for the tool; an answer is one too.
 */

const portName = 'MILLRACE_TEST_KAFKA_TOOL'

type Ask = (request: readonly string[]) => Promise<readonly string[]>
type Answer = { readonly lines: readonly string[] } | { readonly error: string }

/** Serves requests of processes that are started from now on. @returns how to end it. */
export async function shareTool(ask: Ask): Promise<() => void> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    createInterface({ input: socket }).on('line', (line) => {
      void answerTo(ask, JSON.parse(line) as string[]).then((answer) =>
        socket.write(`${JSON.stringify(answer)}\n`),
      )
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  process.env[portName] = String(typeof address === 'object' ? address?.port : '')
  return () => {
    delete process.env[portName]
    server.close()
    for (const socket of sockets) socket.destroy()
  }
}

async function answerTo(ask: Ask, request: readonly string[]): Promise<Answer> {
  try {
    return { lines: await ask(request) }
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  }
}

/** undefined: nobody shares one. */
export function findSharedTool(): Promise<{ ask: Ask }> | undefined {
  const port = process.env[portName]
  if (port === undefined) return undefined
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), '127.0.0.1', () => resolve(new SharedTool(socket)))
    socket.once('error', reject)
  })
}

class SharedTool {
  readonly #socket: Socket
  #waiting: PromiseWithResolvers<readonly string[]> | null = null

  constructor(socket: Socket) {
    this.#socket = socket
    // It need not keep a test file that is done.
    socket.unref()
    socket.on('close', () => this.#waiting?.reject(new Error('the shared KafkaTool has gone')))
    createInterface({ input: socket }).on('line', (line) => {
      const answer = JSON.parse(line) as Answer
      if ('error' in answer) this.#waiting?.reject(new Error(answer.error))
      else this.#waiting?.resolve(answer.lines)
    })
  }

  /** One at a time. */
  async ask(request: readonly string[]): Promise<readonly string[]> {
    this.#waiting = Promise.withResolvers()
    this.#socket.ref()
    this.#socket.write(`${JSON.stringify(request)}\n`)
    try {
      return await this.#waiting.promise
    } finally {
      this.#waiting = null
      this.#socket.unref()
    }
  }
}
