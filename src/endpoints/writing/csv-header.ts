import { open } from 'node:fs/promises'
import { PipelineError } from '../../core/errors.ts'
import { CsvSplitter } from '../formats/csv-splitter.ts'
import { PlainFileStream } from '../reading/plain-file-stream.ts'
import { RecordCutter, startPlace } from '../reading/record-cutter.ts'

const maxHeaderBytes = 1024 * 1024

/**
 * The column names of a csv file that was there before; null when it has no row.
 * @throws PipelineError CONFIG_FILE when its first row is no header.
 */
export async function readCsvHeader(
  path: string,
  delimiter: string,
): Promise<readonly string[] | null> {
  const splitter = new CsvSplitter({
    delimiter,
    quote: '"',
    encoding: 'utf8',
    columns: null,
    maxRecord: maxHeaderBytes,
    path,
  })
  const settings = {
    name: path,
    maxRecord: maxHeaderBytes,
    chunkBytes: 64 * 1024,
    skipsByteOrderMark: true,
  }
  const cutter = new RecordCutter(splitter, settings, startPlace)
  const stream = new PlainFileStream(await open(path, 'r'), path, 0)
  try {
    const { signal } = new AbortController()
    while (cutter.look() === 'more') await cutter.window.readFrom(stream, signal)
    return splitter.columns
  } finally {
    await stream.close()
  }
}

/** @throws PipelineError CONFIG_FILE when the file has other columns than the pipeline lists. */
export function requireSameColumns(
  path: string,
  found: readonly string[],
  listed: readonly string[],
): void {
  if (found.length === listed.length && found.every((name, index) => name === listed[index])) return
  const message = `writing ${path}: its columns are ${found.join(', ')}, but the pipeline lists ${listed.join(', ')}; change columns, choose another file, or set mode: overwrite and run with --fresh`
  throw new PipelineError('CONFIG_FILE', message)
}
