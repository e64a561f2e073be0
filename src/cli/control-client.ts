import { connect, type Socket } from 'node:net'
import { errorTable, PipelineError, type ErrorCode } from '../core/errors.ts'
import type { StateChange, TaskCommit } from '../core/log.ts'
import { controlVersion, type ControlAnswer, type ControlRequest } from './control-protocol.ts'
import { socketLines } from './socket-lines.ts'
import { socketPath } from './socket-path.ts'

/** What a command may do with the one task that it writes by. */
export interface WritingTask {
  restore(): Promise<readonly StateChange[]>
  commit(result: TaskCommit): Promise<unknown>
  close(): Promise<void>
}

/** The way to a task of the process that has locked a data directory. */
export interface ControlClient {
  openTask(task: { group: string; outputs: readonly string[] }): Promise<WritingTask>
}

/** null: no process listens there. */
export async function connectControl(directory: string): Promise<ControlClient | null> {
  // Each task has a connection of its own.
  const probe = await connected(directory)
  if (probe === null) return null
  probe.destroy()
  return { openTask: (task) => openTask(directory, task) }
}

async function connected(directory: string): Promise<Socket | null> {
  const place = socketPath(directory)
  if (place === null) return null
  try {
    return await new Promise<Socket | null>((resolve) => {
      const socket = connect(place.path)
      socket.once('connect', () => resolve(socket))
      socket.once('error', () => resolve(null))
    })
  } finally {
    place.release()
  }
}

async function openTask(
  directory: string,
  { group, outputs }: { group: string; outputs: readonly string[] },
): Promise<WritingTask> {
  const socket = await connected(directory)
  if (socket === null) throw gone()
  const conversation = new Conversation(socket)
  const opened = await conversation.ask({
    kind: 'open',
    version: controlVersion,
    group,
    outputs: [...outputs],
  })
  const state = opened.kind === 'opened' ? opened.state : []
  return {
    restore: async () => state,
    commit: ({ outputs: written, state: changes }) =>
      conversation.ask({
        kind: 'commit',
        outputs: written.map(({ topic, partition, batch }) => ({
          topic,
          partition,
          batch: Buffer.from(batch.bytes).toString('base64'),
        })),
        state: [...changes],
      }),
    close: async () => void socket.destroy(),
  }
}

class Conversation {
  readonly #socket: Socket
  readonly #answers: AsyncGenerator<string>

  constructor(socket: Socket) {
    this.#socket = socket
    this.#socket.on('error', () => {})
    this.#answers = socketLines(socket, Number.POSITIVE_INFINITY)
  }

  /** @throws PipelineError what the other side has met, or that it has gone. */
  async ask(request: ControlRequest): Promise<ControlAnswer> {
    this.#socket.write(`${JSON.stringify(request)}\n`)
    const answer = await this.#answers.next().catch(() => null)
    if (answer === null || answer.done === true) throw gone()
    const said = JSON.parse(answer.value) as ControlAnswer
    if (said.kind !== 'failed') return said
    const code = said.code in errorTable ? (said.code as ErrorCode) : 'LOG_IO'
    throw new PipelineError(code, said.message)
  }
}

function gone(): PipelineError {
  return new PipelineError(
    'PEER_UNAVAILABLE',
    'the process that writes this data directory has just stopped; run the command again: what it has done stays done',
  )
}
