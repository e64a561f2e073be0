import { extname } from 'node:path'
import { CsvSplitter } from './csv-splitter.ts'
import { arrayPlaces, JsonArraySplitter, type ArrayPlace } from './json-array-splitter.ts'
import { LineSplitter } from './line-splitter.ts'
import { MultilineSplitter } from './multiline-splitter.ts'
import type { Splitter } from './splitter.ts'
import { WholeSplitter } from './whole-splitter.ts'

export const inputFormats = ['ndjson', 'json_array', 'csv', 'text', 'bytes'] as const
export type InputFormat = (typeof inputFormats)[number]

export interface CsvOptions {
  /** Absent: a tab in `.tsv` files, else a comma. */
  readonly delimiter?: string | undefined
  readonly quote: string
  readonly encoding: 'utf8' | 'latin1'
  readonly header: boolean
  readonly columns?: readonly string[] | undefined
}

const formatsByExtension: ReadonlyMap<string, InputFormat> = new Map([
  ['.ndjson', 'ndjson'],
  ['.jsonl', 'ndjson'],
  ['.json', 'json_array'],
  ['.csv', 'csv'],
  ['.tsv', 'csv'],
])

/** What a file most likely holds, by the end of its name; `.gz` is looked behind. */
export function formatOf(path: string): InputFormat {
  return formatsByExtension.get(extensionOf(path)) ?? 'text'
}

function extensionOf(path: string): string {
  return extname(path.toLowerCase().replace(/\.gz$/, ''))
}

export interface SplitterSettings {
  readonly format: InputFormat
  readonly csv: CsvOptions
  /** Of csv with a header: its names where they have been read already. */
  readonly header: readonly string[] | null
  readonly maxRecord: number
  /** Of text: whether a line begins a record; null: each does. */
  readonly begins: ((line: string) => boolean) | null
  readonly path: string
  /** The state of the place where reading begins. */
  readonly state: string
}

export function makeSplitter(settings: SplitterSettings): Splitter {
  switch (settings.format) {
    case 'ndjson':
      return new LineSplitter({ skipsBlankLines: true, maxRecord: settings.maxRecord })
    case 'text':
      if (settings.begins !== null) return new MultilineSplitter(settings.begins)
      return new LineSplitter({ skipsBlankLines: false, maxRecord: settings.maxRecord })
    case 'bytes':
      return new WholeSplitter()
    case 'json_array':
      return new JsonArraySplitter(arrayPlaceOf(settings.state))
    case 'csv':
      return makeCsvSplitter(settings)
  }
}

export function makeCsvSplitter(
  settings: Pick<SplitterSettings, 'csv' | 'path' | 'maxRecord' | 'header'>,
): CsvSplitter {
  const { csv, path, maxRecord, header } = settings
  const columns = csv.header ? header : (csv.columns ?? [])
  const delimiter = csv.delimiter ?? (extensionOf(path) === '.tsv' ? '\t' : ',')
  return new CsvSplitter({ ...csv, delimiter, columns, path, maxRecord })
}

function arrayPlaceOf(state: string): ArrayPlace {
  return arrayPlaces.includes(state) ? (state as ArrayPlace) : 'start'
}
