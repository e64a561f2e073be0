import type { LogReader, TopicDescription } from '../core/log.ts'
import { chooseLog, type LogOptions } from './choose-log.ts'
import { exitCodes, say, type CliEnvironment, type ExitCode } from './cli-environment.ts'
import { codeOf, deadLetterTopics, eachDeadLetter, failedAtMs } from './dead-letters.ts'
import { lookIntoLog } from './open-log.ts'
import { printableLine } from './printable.ts'
import { showCount } from './show-amount.ts'
import { timeText } from './stored-record.ts'
import { textTable } from './text-table.ts'

interface TopicTally {
  readonly topic: string
  readonly records: number
  readonly codes: Readonly<Record<string, number>>
  readonly first: string | null
  readonly last: string | null
}

export async function dlqLs(
  options: LogOptions & { readonly json?: boolean },
  environment: CliEnvironment,
): Promise<ExitCode> {
  const choice = chooseLog(options, [], environment)
  const tallies = await lookIntoLog(choice, environment, async ({ reader }) => {
    const topics = await deadLetterTopics(reader)
    return Promise.all(topics.map((topic) => tally(reader, topic)))
  })
  const { stdout } = environment
  if (options.json === true) {
    stdout.write(`${JSON.stringify(tallies, null, 2)}\n`)
    return exitCodes.ok
  }
  const failing = tallies.filter(({ records }) => records > 0)
  if (failing.length === 0) {
    say(environment, 'There are no dead letters.')
    return exitCodes.ok
  }
  for (const line of table(failing)) stdout.write(`${line}\n`)
  return exitCodes.ok
}

async function tally(reader: LogReader, topic: TopicDescription): Promise<TopicTally> {
  const codes = new Map<string, number>()
  let records = 0
  let firstMs = Number.POSITIVE_INFINITY
  let lastMs = Number.NEGATIVE_INFINITY
  await eachDeadLetter(reader, topic, (slice, index) => {
    const code = codeOf(slice, index)
    const atMs = failedAtMs(slice, index)
    codes.set(code, (codes.get(code) ?? 0) + 1)
    records += 1
    firstMs = Math.min(firstMs, atMs)
    lastMs = Math.max(lastMs, atMs)
  })
  const byCount = [...codes].toSorted(([, left], [, right]) => right - left)
  return {
    topic: topic.name,
    records,
    codes: Object.fromEntries(byCount),
    first: timeText(firstMs),
    last: timeText(lastMs),
  }
}

function table(tallies: readonly TopicTally[]): string[] {
  return textTable(
    [
      { title: 'topic', align: 'left' },
      { title: 'records', align: 'right' },
      { title: 'first', align: 'left' },
      { title: 'last', align: 'left' },
      { title: 'codes', align: 'left' },
    ],
    tallies.map(({ topic, records, first, last, codes }) => [
      topic,
      showCount(records),
      first ?? '',
      last ?? '',
      Object.entries(codes)
        .map(([code, count]) => printableLine(`${code} ${showCount(count)}`))
        .join(', '),
    ]),
  )
}
