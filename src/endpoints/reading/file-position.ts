import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { z } from 'zod'
import { PipelineError } from '../../core/errors.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { startPlace, type CutterPlace } from './record-cutter.ts'

/** By its path and these first bytes a file is known again. */
export const headBytes = 64 * 1024

/**
 * Where reading of one file stands, as it is committed. `size` is the file's own size then; `offset`
 * counts decompressed bytes. `head` is the hash of the first `head.bytes` bytes of the file as it
 * lies on the disk: fewer than `headBytes` of them when the file was shorter.
 */
const positionSchema = z.strictObject({
  size: z.number(),
  head: z.strictObject({ bytes: z.number(), sha256: z.string() }),
  offset: z.number(),
  line: z.number(),
  state: z.string(),
  taken: z.number(),
  done: z.boolean(),
  /** Of a file that is followed, the hash of its path: the position itself is named by its inode. */
  path: z.string().optional(),
  /** When new files were last looked for, epoch ms: one that is younger has not been seen. */
  lookedMs: z.number().optional(),
})
export type FilePosition = z.output<typeof positionSchema>

/** @throws PipelineError LOG_VERSION when the stored position is none. */
export function decodePosition(stored: JsonValue, path: string): FilePosition {
  const parsed = positionSchema.safeParse(stored)
  if (parsed.success) return parsed.data
  const message = `${path}: its stored position cannot be understood; run with --fresh to read it from its beginning`
  throw new PipelineError('LOG_VERSION', message)
}

export function encodePosition(file: FileIdentity, place: CutterPlace): JsonObject {
  const read = file.isCompressed ? 0 : place.offset + place.taken
  // Of a file that grew while it was read more is known now than when it was opened.
  return { size: Math.max(file.size, read), head: { ...file.head }, ...place }
}

export interface FileIdentity {
  readonly size: number
  readonly isCompressed: boolean
  readonly head: { readonly bytes: number; readonly sha256: string }
}

/** The first bytes of a file, at most `headBytes`. */
export async function readHead(handle: FileHandle): Promise<Buffer> {
  const head = Buffer.alloc(headBytes)
  let end = 0
  while (end < headBytes) {
    const { bytesRead } = await handle.read(head, end, headBytes - end, end)
    if (bytesRead === 0) break
    end += bytesRead
  }
  return head.subarray(0, end)
}

export function hashHead(head: Uint8Array): FileIdentity['head'] {
  return { bytes: head.length, sha256: createHash('sha256').update(head).digest('hex') }
}

/**
 * Where to begin with a file that may have been read before: grown, it goes on; shorter or with
 * another beginning, it is another file.
 * @returns null when nothing is left to read.
 */
export function placeToBegin(
  stored: FilePosition | null,
  file: { readonly size: number; readonly head: Uint8Array },
): CutterPlace | null {
  if (stored === null || isOther(stored, file)) return startPlace
  if (stored.done && stored.size === file.size) return null
  return placeOf(stored)
}

/** The place of a position, as if there were more. */
export function placeOf({ offset, line, state, taken }: FilePosition): CutterPlace {
  return { offset, line, state, taken, done: false }
}

export function isOther(
  stored: FilePosition,
  file: { readonly size: number; readonly head: Uint8Array },
): boolean {
  if (file.size < stored.size || file.head.length < stored.head.bytes) return true
  return hashHead(file.head.subarray(0, stored.head.bytes)).sha256 !== stored.head.sha256
}
