import { readdirSync, statSync, type Stats } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { PipelineError } from '../../core/errors.ts'
import type { FilePath } from '../../core/expression.ts'
import type { JsonValue } from '../../core/json.ts'
import { decodePosition, isOther, readHead, type FilePosition } from './file-position.ts'
import { FollowedFile, hashOfPath, splitOfInode } from './followed-file.ts'
import { openRegular, type InputFileSettings } from './input-file.ts'
import { findInputFiles } from './input-files.ts'

export interface LookTime {
  /** Monotonic. */
  readonly nowUs: number
  readonly wallMs: number
}

/** By how much the time of a file system may lag behind that of the clock. */
const clockSlackMs = 10
/** Each is held open. */
const maxFollowedFiles = 10_000

export interface FollowedFilesOptions {
  readonly paths: readonly FilePath[]
  readonly files: InputFileSettings
  /** Where a file begins that was there before the first run. */
  readonly start: 'beginning' | 'end'
  /** How long a file that was renamed or removed is read on, µs: its writer may not know yet. */
  readonly rotateWaitUs: number
  /** As last committed, by split. */
  readonly positions: ReadonlyMap<string, JsonValue>
  readonly notice: (message: string) => void
}

/** The files that paths name, through rotation: by rename, by copy and truncation, and by a new file. */
export class FollowedFiles {
  readonly #options: FollowedFilesOptions
  /** By split. */
  readonly #open = new Map<string, FollowedFile>()
  /** Positions of files that were not found yet. */
  readonly #stored: Map<string, FilePosition>
  /** By split, sizes of files that are compressed, or copies of one that is followed. */
  readonly #ignored = new Map<string, number>()
  readonly #isFirstRun: boolean
  #hasLooked = false
  /** When that was last done, also by an earlier run, epoch ms. */
  #lookedMs: number

  constructor(options: FollowedFilesOptions) {
    this.#options = options
    this.#isFirstRun = options.positions.size === 0
    this.#stored = new Map(
      [...options.positions].map(([split, stored]) => [
        split,
        decodePosition(stored, 'a followed file'),
      ]),
    )
    const looked = [...this.#stored.values()].map(({ lookedMs = Number.NaN }) => lookedMs)
    this.#lookedMs = Math.max(Number.NEGATIVE_INFINITY, ...looked.filter(Number.isFinite))
  }

  /** When new files were last looked for, epoch ms. */
  get lookedMs(): number {
    return this.#lookedMs
  }

  get all(): readonly FollowedFile[] {
    return [...this.#open.values()]
  }

  /** Finds what is new, renamed, cut short or gone. @returns files that were opened. */
  async look(at: LookTime, signal: AbortSignal): Promise<readonly FollowedFile[]> {
    const { nowUs } = at
    const found = new Map<string, { path: string; stats: Stats }>()
    const paths = findInputFiles(this.#options.paths)
    if (paths.length > maxFollowedFiles) throw tooMany(paths.length)
    for (const path of paths) {
      const stats = statSync(path, { throwIfNoEntry: false })
      if (stats !== undefined) found.set(splitOfInode(stats), { path, stats })
    }
    const hasRotated = this.#note(found, nowUs)
    const opened: FollowedFile[] = []
    if (!this.#hasLooked || hasRotated)
      opened.push(...(await this.#openRotated(found, { nowUs, signal })))
    for (const [split, { path, stats }] of found) {
      // What a rotation has copied does not grow.
      if (this.#open.has(split) || this.#ignored.get(split) === stats.size) continue
      const file = await this.#openNew(path, { split, stats, nowUs, signal })
      if (file !== null) opened.push(file)
    }
    this.#hasLooked = true
    this.#lookedMs = at.wallMs
    return opened
  }

  /**
   * A file was cut short. What was not yet read of it may be in a copy that the rotation made.
   * @returns the copy, where there is one with more than was read.
   */
  async reopen(
    file: FollowedFile,
    of: { nowUs: number; signal: AbortSignal },
  ): Promise<FollowedFile | null> {
    const stored = decodePosition(await file.position(this.#lookedMs), file.path)
    await this.drop(file)
    this.#options.notice(`${file.path} was cut short; it is read from its beginning`)
    for (const { path, stats } of siblings(new Map([['', { path: file.path }]]))) {
      const split = splitOfInode(stats)
      if (this.#open.has(split) || stats.size <= stored.offset) continue
      if (isOther(stored, { size: stats.size, head: await headOf(path) })) continue
      this.#ignored.delete(split)
      const copy = await this.#keep(path, { split, stats, stored, fromEnd: false, ...of })
      if (copy !== null) copy.leftUs = of.nowUs
      return copy
    }
    return null
  }

  /** It is followed no longer. */
  async drop(file: FollowedFile): Promise<void> {
    this.#open.delete(file.split)
    await file.close()
  }

  async close(): Promise<void> {
    for (const file of this.all) await this.drop(file)
  }

  /** @returns whether a path leads to a file no more. */
  #note(found: ReadonlyMap<string, { path: string; stats: Stats }>, nowUs: number): boolean {
    let hasRotated = false
    for (const file of this.all) {
      const now = found.get(file.split)
      if (now === undefined) {
        hasRotated ||= file.leftUs === null
        file.leftUs ??= nowUs
      } else {
        file.leftUs = null
        file.path = now.path
        file.grew(now.stats.size, nowUs)
      }
    }
    return hasRotated
  }

  async #openNew(
    path: string,
    of: { split: string; stats: Stats; nowUs: number; signal: AbortSignal },
  ): Promise<FollowedFile | null> {
    const { split } = of
    const stored = await this.#positionFor(path, of)
    if (stored === 'copy') {
      this.#ignored.set(split, of.stats.size)
      return null
    }
    const fromEnd = !this.#hasLooked && this.#isFirstRun && this.#options.start === 'end'
    return this.#keep(path, { ...of, stored, fromEnd })
  }

  async #keep(
    path: string,
    of: {
      split: string
      stats: Stats
      stored: FilePosition | null
      fromEnd: boolean
      nowUs: number
      signal: AbortSignal
    },
  ): Promise<FollowedFile | null> {
    const file = await FollowedFile.open(path, this.#options.files, of)
    if (file === null) {
      this.#ignored.set(of.split, of.stats.size)
      this.#options.notice(`${path} is compressed: it is not followed, only read by follow: false`)
      return null
    }
    this.#open.set(file.split, file)
    return file
  }

  /** Where an earlier run stopped in this file, by its inode or else by its path and first bytes. */
  async #positionFor(
    path: string,
    { split, stats }: { split: string; stats: Stats },
  ): Promise<FilePosition | 'copy' | null> {
    const file = { size: stats.size, head: await headOf(path) }
    const own = this.#stored.get(split)
    this.#stored.delete(split)
    if (own !== undefined && !isOther(own, file)) return own
    if (own !== undefined)
      this.#options.notice(`${path} is not the file it was; it is read from its beginning`)
    if (this.all.some((open) => open.isCopiedTo(path, file))) return 'copy'
    const pathHash = hashOfPath(path)
    for (const [other, position] of this.#stored) {
      if (other !== pathHash && position.path !== pathHash) continue
      if (position.head.bytes === 0 || isOther(position, file)) continue
      this.#stored.delete(other)
      return position
    }
    return null
  }

  /** Files that were rotated away while nobody looked, with something left to read. */
  async #openRotated(
    found: ReadonlyMap<string, { path: string; stats: Stats }>,
    of: { nowUs: number; signal: AbortSignal },
  ): Promise<FollowedFile[]> {
    const opened: FollowedFile[] = []
    if (!Number.isFinite(this.#lookedMs)) return opened
    for (const { path, stats, follows } of siblings(found)) {
      const split = splitOfInode(stats)
      if (found.has(split) || this.#open.has(split)) continue
      const stored = this.#stored.get(split) ?? null
      if (stored === null && !(follows && this.#isYounger(stats))) continue
      if (stored !== null && isOther(stored, { size: stats.size, head: await headOf(path) }))
        continue
      this.#stored.delete(split)
      const file = await this.#keep(path, { split, stats, stored, fromEnd: false, ...of })
      if (file === null) continue
      file.leftUs = of.nowUs
      opened.push(file)
    }
    return opened
  }

  /** Whether it came to be after the last look: had it been there, its position would be known. */
  #isYounger({ birthtimeMs }: Stats): boolean {
    // 0: the file system does not keep it.
    return birthtimeMs > 0 && birthtimeMs >= this.#lookedMs - clockSlackMs
  }
}

async function headOf(path: string): Promise<Buffer> {
  const handle = await openRegular(path)
  try {
    return await readHead(handle)
  } finally {
    await handle.close()
  }
}

/**
 * Files beside those found whose names begin as one of theirs, as rotation names them; `follows`: with all of it.
 */
function siblings(
  found: ReadonlyMap<string, { path: string }>,
): { path: string; stats: Stats; follows: boolean }[] {
  const paths = [...found.values()].map(({ path }) => path)
  return [...new Set(paths.map(dirname))].flatMap((folder) => {
    const names = paths.filter((path) => dirname(path) === folder).map((path) => basename(path))
    return readdirSync(folder)
      .filter((name) => names.some((own) => name !== own && name.startsWith(stemOf(own))))
      .map((name) => join(folder, name))
      .flatMap((path) => {
        const stats = statSync(path, { throwIfNoEntry: false })
        const follows = paths.some((own) => path.startsWith(own))
        return stats?.isFile() === true ? [{ path, stats, follows }] : []
      })
  })
}

/** `access.log` is rotated to `access.log.1`, or to `access-20260101.log`. */
function stemOf(name: string): string {
  const dot = name.indexOf('.')
  return dot > 0 ? name.slice(0, dot) : name
}

function tooMany(files: number): PipelineError {
  const message = `${files} files are to be followed, more than ${maxFollowedFiles}; name fewer, or read those that are complete without follow`
  return new PipelineError('CONFIG_FILE', message)
}
