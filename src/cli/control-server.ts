import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { messageOf, PipelineError } from '../core/errors.ts'
import type { Log, TaskLog } from '../core/log.ts'
import { RecordBatch } from '../core/record-batch.ts'
import { replayTask } from '../core/replay-header.ts'
import {
  controlRequest,
  maxRequestChars,
  type ControlAnswer,
  type ControlRequest,
} from './control-protocol.ts'
import { socketLines } from './socket-lines.ts'
import { socketPath } from './socket-path.ts'

/** For the user of the directory alone. */
const privateMode = 0o600
const privateMask = 0o177
/** Commands that are at work at the same time. */
const maxConnections = 16

export interface ControlServer {
  /** Ends the work of all commands; never rejects. */
  close(): Promise<void>
}

/**
 * Lets commands write to the data directory that this process has locked, through a socket in it. Without
 * one, which `notice` then says, all else goes on.
 */
export async function openControl(
  directory: string,
  log: Pick<Log, 'openTask'>,
  notice: (message: string) => void,
): Promise<ControlServer> {
  const withoutSocket = (reason: string) =>
    notice(
      `commands that write, such as \`dlq replay\`, have to wait until this run ends: ${reason}`,
    )
  try {
    const place = socketPath(directory)
    if (place === null) {
      withoutSocket(`the path of the data directory is too long for a socket`)
      return { close: async () => {} }
    }
    // Whoever left one there is gone: the lock of the directory is ours.
    rmSync(place.path, { force: true })
    const connections = new Connections(log)
    const server = createServer((socket) => connections.serve(socket))
    server.maxConnections = maxConnections
    await listen(server, place.path)
    server.unref()
    return {
      close: async () => {
        await new Promise<void>((resolve) => {
          server.close(() => resolve())
          connections.end()
        })
        await connections.done()
        place.release()
      },
    }
  } catch (thrown) {
    withoutSocket(messageOf(thrown))
    return { close: async () => {} }
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    // It is made within the call, and is private from then on.
    const before = process.umask(privateMask)
    try {
      server.listen(path, () => {
        chmodSync(path, privateMode)
        resolve()
      })
    } finally {
      process.umask(before)
    }
  })
}

class Connections {
  readonly #log: Pick<Log, 'openTask'>
  readonly #sockets = new Map<Socket, Promise<void>>()
  /** Groups whose task is open: a second command must not take it away from the first. */
  readonly #groups = new Set<string>()

  constructor(log: Pick<Log, 'openTask'>) {
    this.#log = log
  }

  serve(socket: Socket): void {
    socket.on('error', () => {})
    const served = this.#talk(socket).finally(() => {
      socket.destroy()
      this.#sockets.delete(socket)
    })
    this.#sockets.set(socket, served)
  }

  end(): void {
    for (const socket of this.#sockets.keys()) socket.destroy()
  }

  async done(): Promise<void> {
    await Promise.all(this.#sockets.values())
  }

  async #talk(socket: Socket): Promise<void> {
    const session = new Session(this.#log, this.#groups)
    try {
      for await (const line of socketLines(socket, maxRequestChars)) {
        const answer = await session.answer(line)
        socket.write(`${JSON.stringify(answer)}\n`)
      }
    } catch {
      // The command has gone, or talks nonsense: it learns of it by the end of the connection.
    } finally {
      await session.close()
    }
  }
}

/** One command at work. */
class Session {
  readonly #log: Pick<Log, 'openTask'>
  readonly #groups: Set<string>
  #group: string | null = null
  #task: TaskLog | null = null

  constructor(log: Pick<Log, 'openTask'>, groups: Set<string>) {
    this.#log = log
    this.#groups = groups
  }

  async answer(line: string): Promise<ControlAnswer> {
    try {
      const parsed = controlRequest.safeParse(JSON.parse(line))
      if (!parsed.success)
        throw new PipelineError(
          'CONFIG_USAGE',
          'the running process does not know this request: use the same version of millrace for both',
        )
      return await this.#carryOut(parsed.data)
    } catch (thrown) {
      const code = thrown instanceof PipelineError ? thrown.code : 'LOG_IO'
      return { kind: 'failed', code, message: messageOf(thrown) }
    }
  }

  async close(): Promise<void> {
    if (this.#group !== null) this.#groups.delete(this.#group)
    await this.#task?.close()
  }

  async #carryOut(request: ControlRequest): Promise<ControlAnswer> {
    if (request.kind === 'open') {
      this.#claim(request.group)
      const { group, outputs } = request
      const id = replayTask(group)
      this.#task = await this.#log.openTask({ id, group, inputs: [], start: 'earliest', outputs })
      return { kind: 'opened', state: await this.#task.restore() }
    }
    if (this.#task === null) throw new PipelineError('CONFIG_USAGE', 'no task was opened')
    const outputs = request.outputs.map(({ topic, partition, batch }) => ({
      topic,
      partition,
      batch: new RecordBatch(ownBytes(batch)),
    }))
    const { visibleUs } = await this.#task.commit({ outputs, state: request.state, next: [] })
    return { kind: 'committed', visibleUs }
  }

  #claim(group: string): void {
    if (this.#group !== null) throw new PipelineError('CONFIG_USAGE', 'a task was opened already')
    if (this.#groups.has(group)) {
      const message = `another command is just writing the dead letters of ${group.replace(/\.replay$/, '')} back; wait until it is done`
      throw new PipelineError('CONFIG_USAGE', message)
    }
    this.#groups.add(group)
    this.#group = group
  }
}

/** The log takes the bytes over: they must not lie in a pool of buffers. */
function ownBytes(base64: string): Uint8Array {
  return Uint8Array.from(Buffer.from(base64, 'base64'))
}
