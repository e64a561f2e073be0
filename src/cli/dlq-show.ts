import { chooseLog, type LogOptions } from './choose-log.ts'
import { exitCodes, say, type CliEnvironment, type ExitCode } from './cli-environment.ts'
import {
  codeOf,
  eachDeadLetter,
  factsOf,
  failedAtMs,
  findDeadLetterTopic,
  originalHeaders,
} from './dead-letters.ts'
import { lookIntoLog } from './open-log.ts'
import { printableLine } from './printable.ts'
import { showCount } from './show-amount.ts'
import { bytesText, recordAt, recordJson, timeText, type StoredRecord } from './stored-record.ts'

export interface DlqShowOptions extends LogOptions {
  readonly limit: number
  readonly code?: string
  readonly json?: boolean
}

interface DeadLetter {
  readonly record: StoredRecord
  readonly failedAtMs: number
}

export async function dlqShow(
  name: string,
  options: DlqShowOptions,
  environment: CliEnvironment,
): Promise<ExitCode> {
  const { limit, code } = options
  let count = 0
  const choice = chooseLog(options, [], environment)
  const letters = await lookIntoLog(choice, environment, async ({ reader }) => {
    const topic = await findDeadLetterTopic(reader, name)
    let newest: DeadLetter[] = []
    await eachDeadLetter(reader, topic, (slice, index) => {
      if (code !== undefined && codeOf(slice, index) !== code) return
      count += 1
      newest.push({ record: recordAt(slice, index), failedAtMs: failedAtMs(slice, index) })
      // Sorting now and then bounds the memory, whatever the topic holds.
      if (newest.length >= 2 * limit + 100) newest = newestOf(newest, limit)
    })
    return newestOf(newest, limit)
  })
  for (const letter of letters)
    environment.stdout.write(options.json === true ? jsonOf(letter) : textOf(letter))
  if (count === 0)
    say(
      environment,
      code === undefined
        ? 'There are no dead letters.'
        : `There are no dead letters with the code ${code}.`,
    )
  else if (count > letters.length)
    say(
      environment,
      `These are the newest ${showCount(letters.length)} of ${showCount(count)}; see more with --limit.`,
    )
  return exitCodes.ok
}

function newestOf(letters: readonly DeadLetter[], limit: number): DeadLetter[] {
  return letters.toSorted((left, right) => left.failedAtMs - right.failedAtMs).slice(-limit)
}

function jsonOf({ record, failedAtMs: atMs }: DeadLetter): string {
  const facts = JSON.stringify({ failed_at: timeText(atMs), ...factsOf(record) })
  return `${facts.slice(0, -1)},"record":${recordJson(record)}}\n`
}

function textOf({ record, failedAtMs: atMs }: DeadLetter): string {
  const { stage, step, code, message, attempts, origin, omitted } = factsOf(record)
  const headers = originalHeaders(record).map(
    ([name, value]) => `${printableLine(name)}=${bytesText(value)}`,
  )
  const where = [
    `stage ${stage}`,
    ...(step === null ? [] : [`step ${step}`]),
    ...(attempts === null || attempts === '1' ? [] : [`${attempts} attempts`]),
  ]
  const lines: readonly (readonly [string, string])[] = [
    ['why', `${code} in ${where.join(', ')}`],
    ['message', message],
    [
      'from',
      origin === null ? 'the source' : `${origin.topic} ${origin.partition}/${origin.offset}`,
    ],
    ['key', bytesText(record.key)],
    ['value', bytesText(record.value)],
    ['headers', headers.join(', ')],
    ['left out', omitted ?? ''],
  ]
  const title = `${record.topic} ${record.partition}/${record.offset}  ${timeText(atMs) ?? ''}`
  const shown = lines.filter(([, text]) => text !== '')
  return `${[title, ...shown.map(([label, text]) => `  ${label.padEnd(8)} ${printableLine(text)}`)].join('\n')}\n\n`
}
