import { PipelineError } from '../core/errors.ts'
import type { LogReader, SliceBatch, TopicDescription } from '../core/log.ts'
import { didYouMean } from '../core/nearest-name.ts'
import { readBatches, recordAt, type StoredRecord } from './stored-record.ts'

const usualSuffix = '.dlq'
const headerPrefix = 'millrace-dlq-'

/** The facts about a failure, as they stand in the headers of a dead letter. */
export interface DeadLetterFacts {
  readonly stage: string
  readonly step: string | null
  readonly code: string
  readonly message: string
  readonly attempts: string | null
  /** null where the record came from a source. */
  readonly origin: {
    readonly topic: string
    readonly partition: string
    readonly offset: string
  } | null
  /** Parts of the record that the topic had no room for, with their sizes. */
  readonly omitted: string | null
}

/** Topics named so, and those whose first record says that it is a dead letter. */
export async function deadLetterTopics(reader: LogReader): Promise<TopicDescription[]> {
  const topics = await reader.topics()
  const isOne = await Promise.all(
    topics.map(
      async (topic) => topic.name.endsWith(usualSuffix) || beginsWithDeadLetter(reader, topic),
    ),
  )
  return topics
    .filter((_, index) => isOne[index])
    .toSorted((left, right) => (left.name < right.name ? -1 : 1))
}

/**
 * @param name a dead-letter topic, a stage, or `pipeline.stage`.
 * @throws PipelineError CONFIG_USAGE when it is none of these, or fits several.
 */
export async function findDeadLetterTopic(
  reader: LogReader,
  name: string,
): Promise<TopicDescription> {
  const topics = await deadLetterTopics(reader)
  const exact = topics.find((topic) => topic.name === name)
  if (exact !== undefined) return exact
  const fitting = topics.filter((topic) => `.${topic.name}`.endsWith(`.${name}${usualSuffix}`))
  const [first] = fitting
  if (first !== undefined && fitting.length === 1) return first
  const names = topics.map((topic) => topic.name)
  if (fitting.length > 1) {
    const several = fitting.map((topic) => topic.name).join(', ')
    throw usage(`several dead-letter topics belong to "${name}": ${several}; name one of them`)
  }
  if (names.length === 0)
    throw usage(`there is no dead-letter topic of "${name}", nor of any other stage`)
  const stages = names.flatMap((topic) => topic.split('.').slice(-2, -1))
  throw usage(
    `"${name}" is no dead-letter topic or stage${didYouMean(name, [...names, ...stages])}; there are ${names.join(', ')}`,
  )
}

/** Calls `visit` with each dead letter of a topic, partition by partition. */
export async function eachDeadLetter(
  reader: LogReader,
  topic: TopicDescription,
  visit: (slice: SliceBatch, index: number) => void,
): Promise<void> {
  for (const [partition, { start, end }] of topic.ranges.entries()) {
    for await (const slice of readBatches(reader, {
      topic: topic.name,
      partition,
      from: start,
      to: end,
    })) {
      for (let index = slice.from; index < slice.batch.count; index++) {
        if (!slice.batch.isMarker(index)) visit(slice, index)
      }
    }
  }
}

export function codeOf(slice: SliceBatch, index: number): string {
  const header = slice.batch.headers(index).findLast(([name]) => name === `${headerPrefix}code`)
  return header === undefined ? '(no code)' : Buffer.from(header[1]).toString('utf8')
}

/** When it was dead-lettered, epoch ms; when it came in where that is not known. */
export function failedAtMs(slice: SliceBatch, index: number): number {
  return Number.isNaN(slice.visibleUs) ? slice.batch.timestampMs[index]! : slice.visibleUs / 1_000
}

export function factsOf({ headers }: StoredRecord): DeadLetterFacts {
  // The engine's own headers come last: an original of the same name does not hide them.
  const fact = (name: string) => {
    const header = headers.findLast(([other]) => other === headerPrefix + name)
    return header === undefined ? null : Buffer.from(header[1]).toString('utf8')
  }
  const topic = fact('topic')
  return {
    stage: fact('stage') ?? '?',
    step: fact('step'),
    code: fact('code') ?? '?',
    message: fact('message') ?? '',
    attempts: fact('attempts'),
    // Not always written, but always last.
    omitted: headers.at(-1)?.[0] === `${headerPrefix}omitted` ? fact('omitted') : null,
    origin:
      topic === null
        ? null
        : { topic, partition: fact('partition') ?? '?', offset: fact('offset') ?? '?' },
  }
}

export function originalHeaders({ headers }: StoredRecord): StoredRecord['headers'] {
  return headers.filter(([name]) => !name.startsWith(headerPrefix))
}

async function beginsWithDeadLetter(
  reader: LogReader,
  { name, ranges }: TopicDescription,
): Promise<boolean> {
  const partition = ranges.findIndex(({ start, end }) => end > start)
  if (partition === -1) return false
  const [slice] = await reader.read({ topic: name, partition, offset: ranges[partition]!.start }, 1)
  if (slice === undefined) return false
  return recordAt(slice, slice.from).headers.some(([header]) => header === `${headerPrefix}code`)
}

function usage(message: string): PipelineError {
  return new PipelineError('CONFIG_USAGE', message)
}
