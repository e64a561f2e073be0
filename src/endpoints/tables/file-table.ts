import { readFileSync, statSync, type Stats } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { messageOf, PipelineError } from '../../core/errors.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { FileTableSettings, Table, TableEnvironment } from '../../core/table.ts'
import { tableIndex, type FindRow } from './table-index.ts'

/** The rows of a file in memory; read again when it has changed, and kept as they were where it cannot be. */
export class FileTable implements Table {
  readonly #name: string
  readonly #settings: FileTableSettings
  readonly #environment: Pick<TableEnvironment, 'clock' | 'log'>
  readonly #stop = new AbortController()
  readonly #watching: Promise<void>
  #find: FindRow
  /** Of the file as it was read, or found unusable. */
  #seen: string

  /** @throws PipelineError CONFIG_FILE */
  static async open(
    name: string,
    settings: FileTableSettings,
    environment: Pick<TableEnvironment, 'clock' | 'log'>,
  ): Promise<FileTable> {
    try {
      const before = await stat(settings.file.absolute)
      return new FileTable({ name, settings, environment, ...(await load(before, settings)) })
    } catch (thrown) {
      throw asFileError(thrown, settings)
    }
  }

  private constructor(options: {
    readonly name: string
    readonly settings: FileTableSettings
    readonly environment: Pick<TableEnvironment, 'clock' | 'log'>
    readonly find: FindRow
    readonly seen: string
  }) {
    this.#name = options.name
    this.#settings = options.settings
    this.#environment = options.environment
    this.#find = options.find
    this.#seen = options.seen
    this.#watching = this.#watch()
  }

  find(key: JsonValue): JsonObject | undefined {
    return this.#find(key)
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#watching
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stop
    for (;;) {
      await this.#environment.clock.sleep(this.#settings.reloadMs, signal)
      if (signal.aborted) return
      await this.#look()
    }
  }

  async #look(): Promise<void> {
    const { file } = this.#settings
    const facts = { table: this.#name, file: file.source }
    let now = 'missing'
    try {
      const before = await stat(file.absolute)
      now = identityOf(before)
      if (now === this.#seen) return
      const { find, seen } = await load(before, this.#settings)
      // One that is being written is looked at again.
      if (identityOf(await stat(file.absolute)) !== seen) return
      this.#find = find
      this.#seen = seen
      this.#environment.log('info', `the table "${this.#name}" was read again`, facts)
    } catch (thrown) {
      if (now === this.#seen) return
      this.#seen = now
      const why = asFileError(thrown, this.#settings).message
      const message = `the table "${this.#name}" stays as it was: ${why}`
      this.#environment.log('warn', message, facts)
    }
  }
}

/** @throws PipelineError CONFIG_FILE when a pipeline with this table cannot run. */
export function checkFileTable(settings: FileTableSettings): void {
  try {
    refuseLarge(statSync(settings.file.absolute), settings)
    tableIndex(readFileSync(settings.file.absolute), settings)
  } catch (thrown) {
    throw asFileError(thrown, settings)
  }
}

async function load(
  before: Stats,
  settings: FileTableSettings,
): Promise<{ find: FindRow; seen: string }> {
  refuseLarge(before, settings)
  const find = tableIndex(await readFile(settings.file.absolute), settings)
  return { find, seen: identityOf(before) }
}

function identityOf({ ino, size, mtimeMs }: Stats): string {
  return `${ino}/${size}/${mtimeMs}`
}

function refuseLarge({ size }: Stats, { file, maxBytes }: FileTableSettings): void {
  if (size <= maxBytes) return
  throw new PipelineError(
    'CONFIG_FILE',
    `${file.source} has ${size} bytes, more than the ${maxBytes} that \`max_size\` allows`,
  )
}

function asFileError(thrown: unknown, { file }: FileTableSettings): PipelineError {
  if (thrown instanceof PipelineError) return thrown
  return new PipelineError('CONFIG_FILE', `reading ${file.source}: ${messageOf(thrown)}`, {
    cause: thrown,
  })
}
