import { z } from 'zod'
import { size } from '../../core/config-types.ts'
import {
  defineSource,
  type EndpointEnvironment,
  type ReadRequest,
  type Source,
  type SourceSlice,
} from '../../core/endpoints.ts'
import { ioError } from '../file-error.ts'
import { checkCsvFields, csvFields, csvOptionsOf } from '../formats/csv-config.ts'
import { makeSplitter, type SplitterSettings } from '../formats/input-format.ts'
import { ReadableByteStream } from '../reading/readable-stream.ts'
import { RecordCutter, startPlace } from '../reading/record-cutter.ts'
import { collectRecords, SliceCollector } from '../reading/slice-collector.ts'

const name = 'stdin'
const readChunkBytes = 256 * 1024

const config = z
  .strictObject({
    format: z
      .enum(['ndjson', 'csv', 'text', 'json_array'])
      .default('ndjson')
      .describe('ndjson and text: a record per line; csv: per row; json_array: per element.'),
    ...csvFields,
    max_record: size()
      .prefault('16MiB')
      .describe('Longest record; of a longer one the first KiB is dead-lettered.'),
  })
  .superRefine(checkCsvFields)

export const stdinSource = defineSource({
  type: 'stdin',
  summary: 'Reads standard input to its end. It cannot be replayed.',
  config,
  examples: [{ title: 'Rows of a csv file piped into the run', config: { format: 'csv' } }],
  bounded: () => false,
  files: () => [],
  replayable: false,
  guarantee: () => ({
    guarantee: 'at_most_once',
    why: 'Standard input cannot be read a second time.',
    afterCrash: 'What was read and not yet committed is lost.',
    dropBy: null,
  }),
  create(setting, environment) {
    return new StdinSource(environment, {
      format: setting.format,
      csv: csvOptionsOf(setting),
      header: null,
      begins: null,
      maxRecord: setting.max_record,
      path: name,
      state: '',
    })
  },
})

class StdinSource implements Source {
  readonly #environment: EndpointEnvironment
  readonly #stream: ReadableByteStream
  readonly #cutter: RecordCutter
  #collector: SliceCollector | null = null
  #error: unknown = null

  constructor(environment: EndpointEnvironment, settings: SplitterSettings) {
    this.#environment = environment
    this.#stream = new ReadableByteStream(environment.stdin, (thrown) =>
      ioError('reading', name, thrown),
    )
    const { maxRecord } = settings
    this.#cutter = new RecordCutter(
      makeSplitter(settings),
      { name, maxRecord, chunkBytes: readChunkBytes, skipsByteOrderMark: true },
      startPlace,
    )
  }

  async read(request: ReadRequest): Promise<SourceSlice | null> {
    if (this.#error !== null) throw this.#error
    const collector = this.#start(request)
    try {
      await collectRecords(collector, this.#cutter, this.#stream)
    } catch (thrown) {
      this.#error = thrown
      if (collector.count === 0) throw thrown
    }
    return collector.count === 0 ? null : collector.finish()
  }

  async close(): Promise<void> {
    await this.#stream.close()
  }

  #start(request: ReadRequest): SliceCollector {
    if (this.#collector === null) {
      this.#environment.notice(
        'standard input cannot be replayed: what was read of it but not yet stored is lost if the run is killed',
      )
    }
    this.#collector ??= new SliceCollector(this.#environment.clock, request)
    this.#collector.begin(request)
    this.#collector.startPart(name)
    return this.#collector
  }
}
