import { parentPort, type MessagePort } from 'node:worker_threads'
import { invariant, messageOf } from '../../../../core/errors.ts'
import { CacheFile, removeCacheFile } from './cache-file.ts'
import {
  buffersOf,
  type Bucket,
  type CacheCalls,
  type CacheRequest,
  type CacheResponse,
} from './cache-protocol.ts'

/** SQLite's codes for a file that another process has locked. */
const busyCodes: ReadonlySet<unknown> = new Set([5, 6])

type Opening = Parameters<CacheCalls['open']>[0]

interface OpenFile extends Opening {
  cache: CacheFile
}

const files = new Map<number, OpenFile>()

function open(file: number, opening: Opening): ReturnType<CacheCalls['open']> {
  try {
    const cache = openOrRenew(opening)
    files.set(file, { ...opening, cache })
    return { mark: cache.mark, problem: null }
  } catch (error) {
    return isBusy(error) ? null : { mark: null, problem: messageOf(error) }
  }
}

/** A file that is damaged, or something else, makes room for a new one. */
function openOrRenew({ path, changelog }: Opening): CacheFile {
  try {
    return new CacheFile(path, changelog)
  } catch (error) {
    if (isBusy(error)) throw error
    removeCacheFile(path)
    return new CacheFile(path, changelog)
  }
}

function clear(file: OpenFile): void {
  try {
    file.cache.clear()
  } catch {
    file.cache.close()
    removeCacheFile(file.path)
    file.cache = new CacheFile(file.path, file.changelog)
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && busyCodes.has(Number(error.errcode) & 0xff)
}

function answer({ file, call, argument }: CacheRequest): CacheResponse['answer'] {
  if (call === 'open') return open(file, argument as Opening)
  const opened = files.get(file)
  invariant(opened !== undefined, 'a cache is open while it is used')
  switch (call) {
    case 'read':
      return opened.cache.read((argument as Parameters<CacheCalls['read']>[0]).bucket)
    case 'apply': {
      const { batches, mark } = argument as Parameters<CacheCalls['apply']>[0]
      opened.cache.apply(batches, mark)
      return true
    }
    case 'clear':
      clear(opened)
      return true
    case 'close':
      files.delete(file)
      opened.cache.close()
      return true
  }
}

/** A cache that cannot be used is none: the caller does without it. */
function answerOrNothing(request: CacheRequest): CacheResponse['answer'] {
  try {
    return answer(request)
  } catch {
    return request.call === 'open' || request.call === 'read' ? null : false
  }
}

function serve(port: MessagePort): void {
  port.on('message', (request: CacheRequest) => {
    const answered = answerOrNothing(request)
    const { chunks = [] } = (answered ?? {}) as Partial<Bucket>
    port.postMessage({ ref: request.ref, answer: answered }, buffersOf(chunks))
  })
}

invariant(parentPort !== null, 'this file is the main module of a worker thread')
serve(parentPort)
