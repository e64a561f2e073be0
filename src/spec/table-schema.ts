import { z } from 'zod'
import { duration, filePath, size, template } from '../core/config-types.ts'
import { castRule } from '../core/conversion.ts'
import type {
  FileTableSettings,
  HttpTableSettings,
  TableIndex,
  TopicTableSettings,
} from '../core/table.ts'
import { topicName } from '../core/topic-name.ts'

const maxKeys = 10_000_000

const column = () => z.string().min(1)

function fileTable() {
  return z
    .strictObject({
      file: filePath().describe(
        'The file, read when the pipeline starts and again when it has changed: CSV (`.csv`, `.tsv`) with a header, a list of JSON objects (`.json`), or one object a line (`.ndjson`, `.jsonl`).',
      ),
      format: z
        .enum(['csv', 'json', 'ndjson'])
        .optional()
        .describe('Where the name of the file does not end as its format does.'),
      key: column()
        .optional()
        .describe('The column that is looked up; each of its values stands in one row only.'),
      range: z
        .union([column(), z.tuple([column()]), z.tuple([column(), column()])])
        .optional()
        .describe(
          'In place of `key`: the columns with the first and the last of each range of IP addresses or numbers, or one column of CIDR blocks. Of ranges that overlap, the one that begins last counts.',
        ),
      cast: z
        .record(column(), castRule())
        .default({})
        .describe('By column, its type, as in the step `cast`. Columns of a CSV file are texts.'),
      reload: duration().prefault('5s').describe('How often it is looked at, whether it changed.'),
      max_size: size()
        .prefault('64MiB')
        .describe('A larger file is refused: all of a table is kept in memory.'),
    })
    .superRefine(({ key, range }, context) => {
      if ((key === undefined) === (range === undefined))
        context.addIssue({
          code: 'custom',
          message: 'a table of a file has either `key` or `range`',
        })
    })
    .transform((table): FileTableSettings => {
      const { file, format = null, cast, reload, max_size: maxBytes } = table
      const rules = new Map(Object.entries(cast))
      return {
        kind: 'file',
        file,
        format,
        index: indexOf(table),
        cast: rules,
        reloadMs: reload,
        maxBytes,
      }
    })
}

type Range = string | [string] | [string, string]

function indexOf({
  key,
  range,
}: {
  key?: string | undefined
  range?: Range | undefined
}): TableIndex {
  if (range === undefined) return { kind: 'key', column: key ?? '' }
  return { kind: 'range', columns: typeof range === 'string' ? [range] : range }
}

function httpTable() {
  return z
    .strictObject({
      http: template().describe(
        'The address of what belongs to a key: `https://users.example/${key}`. The answer is JSON; 404 and 410 mean that there is nothing.',
      ),
      headers: z
        .record(z.string(), z.string())
        .default({})
        .describe('Further headers of each request.'),
      ttl: duration().prefault('10m').describe('How long an answer is kept.'),
      missing_ttl: duration()
        .prefault('1m')
        .describe('How long it is kept that there is nothing for a key.'),
      max_keys: z
        .int()
        .min(1)
        .max(maxKeys)
        .default(100_000)
        .describe('Answers that are kept; beyond, those that were asked for least lately go.'),
      deadline: duration().prefault('5s').describe('Time for one answer.'),
      max_answer: size().prefault('1MiB').describe('A longer answer is refused.'),
    })
    .transform((table): HttpTableSettings => {
      const { http, headers, ttl, deadline, max_keys: kept, max_answer: maxAnswerBytes } = table
      const missingTtlMs = table.missing_ttl
      const times = { ttlMs: ttl, missingTtlMs, deadlineMs: deadline }
      return { kind: 'http', url: http, headers, ...times, maxKeys: kept, maxAnswerBytes }
    })
}

function topicTable() {
  return z
    .strictObject({
      topic: topicName().describe(
        'The topic; of records with one key the last counts, and one without a value removes the key. A lookup waits until what was there at the start has been read, and finds the value as it is then: a record that comes again after a crash may find a newer one, and a stage that fills the topic is not waited for.',
      ),
      max_keys: z
        .int()
        .min(1)
        .max(maxKeys)
        .default(1_000_000)
        .describe('How many keys are kept, all of them in memory; with more the pipeline stops.'),
    })
    .transform(({ topic, max_keys: kept }): TopicTableSettings => {
      return { kind: 'topic', topic, maxKeys: kept }
    })
}

/** A table of `tables:`; what is in it says of which kind it is. */
export function tableSettings() {
  return z.union([fileTable(), httpTable(), topicTable()])
}
