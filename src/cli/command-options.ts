import { InvalidArgumentError, Option } from 'commander'
import { parseDuration } from '../core/config-types.ts'
import { defaultDataDir } from './choose-log.ts'
import type { CliEnvironment, ExitCode } from './cli-environment.ts'
import { kafkaVariables } from './kafka-connections.ts'

/** What a verb does once its arguments are read. Its module is loaded only then. */
export type Verb = (environment: CliEnvironment) => Promise<ExitCode>
export type Choose = (verb: Verb) => void

export const dataDirOption = [
  '--data-dir <dir>',
  'where topics, positions and state are kept',
  defaultDataDir,
] as const
export const jsonHelp = 'print the result as JSON on stdout'
export const pathsHelp = 'pipeline files, or folders with *.yaml files'
export const logOption = [
  '--log <log>',
  'where topics live: embedded, or kafka://HOST:PORT,HOST:PORT (env: MILLRACE_LOG; default: the file, or embedded)',
] as const

/** How a cluster that `--log` names is reached. */
export function kafkaHelp(): string {
  const entries = [
    ...Object.entries(kafkaVariables).map(([name, what]) => [`MILLRACE_KAFKA_${name}`, what]),
    [
      'MILLRACE_INSTANCE_ID',
      'a name of this worker that stays: its tasks wait for it to come back',
    ],
  ]
  const width = Math.max(...entries.map(([name = '']) => name.length))
  const lines = entries.map(([name = '', what]) => `  ${name.padEnd(width)}  ${what}\n`)
  return `\nEnvironment, for --log kafka://... (in a file, "connections:" says the same):\n${lines.join('')}`.trimEnd()
}

export function examples(...lines: readonly string[]): string {
  return `\n${lines.length === 1 ? 'Example' : 'Examples'}:\n${lines.map((line) => `  $ ${line}\n`).join('')}`.trimEnd()
}

export function levelOption(): Option {
  return new Option('--log-level <level>', 'least important lines to show')
    .choices(['debug', 'info', 'warn', 'error'])
    .default('info')
}

export function limitOption(fallback: number | null): Option {
  const option = new Option('--limit <count>', 'at most so many records').argParser(positiveInteger)
  return fallback === null ? option : option.default(fallback)
}

/** For an option that may stand several times. */
export function collect(text: string, before: readonly string[] = []): string[] {
  return [...before, text]
}

export function positiveInteger(text: string): number {
  const value = wholeNumber(text)
  if (value === 0) throw new InvalidArgumentError('It is a whole number from 1 on.')
  return value
}

export function wholeNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It is a whole number.')
}

export function tapStart(text: string): string {
  if (/^(?:earliest|latest|\d{1,18})$/.test(text)) return text
  throw new InvalidArgumentError('It is "earliest", "latest" or an offset.')
}

/** `10m`: ms. */
export function period(text: string): number {
  if (/^\d+(?:\.\d+)?(?:ms|s|m|h|d)$/.test(text)) return parseDuration(text)
  throw new InvalidArgumentError('It is a number with a unit: 30s, 10m, 2h, 7d.')
}

/** An ISO 8601 date or time, in UTC where it does not say another zone: epoch ms. */
export function moment(text: string): number {
  const isDate =
    /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/.test(text)
  const hasZone = /(?:Z|[+-]\d{2}:?\d{2})$/.test(text.slice(10))
  const iso = text.replace(' ', 'T')
  const ms = isDate ? Date.parse(text.length > 10 && !hasZone ? `${iso}Z` : iso) : Number.NaN
  if (!Number.isNaN(ms)) return ms
  throw new InvalidArgumentError('It is a date or time such as 2026-01-31 or 2026-01-31T14:05:00Z.')
}
