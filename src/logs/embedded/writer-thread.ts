import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { invariant, messageOf, PipelineError } from '../../core/errors.ts'
import { armFailpoint } from '../arm-failpoint.ts'
import { Storage } from './storage.ts'
import { WriterLoop, toWire } from './writer-loop.ts'
import type { WriterRequest, WriterResponse, WriterThreadData } from './writer-protocol.ts'

/** Between two tries on a full disk. */
const retryMs = 1_000

function start(): void {
  invariant(parentPort !== null, 'this file is the main module of a worker thread')
  const port = parentPort
  const send = (response: WriterResponse) => port.postMessage(response)
  const { directory, failpoint } = workerData as WriterThreadData
  const storage = open(send, { directory, failpoint })
  if (storage === null) return
  const sleeper = new Int32Array(new SharedArrayBuffer(4))
  const loop = new WriterLoop({
    storage,
    directory,
    send,
    receive: () => receiveMessageOnPort(port)?.message as WriterRequest | undefined,
    // The thread has nothing else to do meanwhile, and a `Clock` does not cross threads.
    pause: () => void Atomics.wait(sleeper, 0, 0, retryMs),
  })
  port.on('message', (request: WriterRequest) => {
    loop.handle(request)
    if (storage.isClosed) port.close()
  })
  send({ kind: 'ready' })
}

function open(
  send: (response: WriterResponse) => void,
  { directory, failpoint }: WriterThreadData,
): Storage | null {
  const notice = (message: string) => send({ kind: 'notice', message })
  try {
    return new Storage({ directory, reach: armFailpoint(failpoint), notice })
  } catch (error) {
    const opening =
      error instanceof PipelineError ? error : new PipelineError('LOG_IO', messageOf(error))
    send({ kind: 'unopened', error: toWire(opening) })
    return null
  }
}

start()
