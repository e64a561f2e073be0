import { hash } from 'node:crypto'
import { constants } from 'node:fs'
import { mkdir, open, readFile, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { errnoOf, openError } from '../file-error.ts'
import { syncFolder } from './output-file.ts'

/** What is about to be written: if it is not committed, the files are cut back to these lengths. */
const intentSchema = z.strictObject({
  sequence: z.number(),
  files: z.array(z.tuple([z.string(), z.number()])),
})
export type WriteIntent = z.output<typeof intentSchema>

const createdSchema = z.strictObject({
  path: z.string(),
  /** As the records named it, and how many there were of that name. */
  name: z.string(),
  number: z.number(),
  start: z.number(),
})
/** A file that was written, with the bytes that it had before. */
export type CreatedFile = z.output<typeof createdSchema>

/**
 * Two small files beside those that a sink writes, from which it knows after a crash what to take back, and
 * what it has ever written. Their number is not bounded by what fits into a commit.
 */
export class WriteJournal {
  readonly #intents: FileHandle
  readonly #list: FileHandle

  private constructor(intents: FileHandle, list: FileHandle) {
    this.#intents = intents
    this.#list = list
  }

  /** @throws PipelineError CONFIG_FILE, FILE_FAILED */
  static async open(folder: string, id: string): Promise<WriteJournal> {
    const [intents, list] = journalPaths(folder, id)
    try {
      await mkdir(folder, { recursive: true })
      const journal = new WriteJournal(
        await open(intents, constants.O_RDWR | constants.O_CREAT),
        await open(list, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND),
      )
      await syncFolder(folder)
      return journal
    } catch (thrown) {
      throw openError('writing', intents, thrown)
    }
  }

  /** The last one; null where there is none, or it was not wholly written: nothing followed it then. */
  async lastIntent(): Promise<WriteIntent | null> {
    const text = await this.#intents.readFile('utf8')
    const [sum, json = ''] = text.split('\n')
    if (sum !== hash('sha256', json, 'hex')) return null
    return intentSchema.parse(JSON.parse(json))
  }

  /** Returns when the disk has it. */
  async intend(intent: WriteIntent): Promise<void> {
    const json = JSON.stringify(intent)
    const bytes = Buffer.from(`${hash('sha256', json, 'hex')}\n${json}\n`)
    await this.#intents.write(bytes, 0, bytes.length, 0)
    await this.#intents.truncate(bytes.length)
    await this.#intents.datasync()
  }

  /** Notes files before they are written for the first time. Returns when the disk has it. */
  async create(files: readonly CreatedFile[]): Promise<void> {
    await this.#list.write(files.map((file) => `${JSON.stringify(file)}\n`).join(''))
    await this.#list.datasync()
  }

  async close(): Promise<void> {
    await this.#intents.close()
    await this.#list.close()
  }
}

/** What was ever written by a sink. A last line that was cut by a crash is of a file that was not. */
export async function readCreated(folder: string, id: string): Promise<CreatedFile[]> {
  const [, list] = journalPaths(folder, id)
  let text
  try {
    text = await readFile(list, 'utf8')
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return []
    throw openError('reading', list, thrown)
  }
  return text.split('\n').flatMap((line) => {
    try {
      return [createdSchema.parse(JSON.parse(line))]
    } catch {
      return []
    }
  })
}

export async function removeJournal(folder: string, id: string): Promise<void> {
  for (const path of journalPaths(folder, id)) await rm(path, { force: true })
}

function journalPaths(folder: string, id: string): readonly [string, string] {
  return [join(folder, `.millrace-${id}.journal`), join(folder, `.millrace-${id}.files`)]
}
