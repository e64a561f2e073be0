import { pino } from 'pino'
import type { Clock } from '../core/clock.ts'
import type { LogLevel } from '../core/hook.ts'
import {
  decodeJson,
  encodeJson,
  isJsonObject,
  type JsonObject,
  type JsonValue,
} from '../core/json.ts'
import { printableLine } from './printable.ts'

export type WriteLog = (level: LogLevel, message: string, fields?: JsonObject) => void

export interface LoggerOptions {
  readonly level: LogLevel
  readonly format: 'text' | 'json'
  readonly clock: Clock
  /** Takes one line without its line break; it masks secrets. */
  readonly write: (line: string) => void
}

/** Field names that a line has of its own; those of others step aside. */
const ownFields = new Set(['level', 'time', 'message'])

export function createLogger({ level, format, clock, write }: LoggerOptions): WriteLog {
  const show = format === 'json' ? (line: string) => line.trimEnd() : textOf
  const logger = pino(
    {
      level,
      base: null,
      messageKey: 'message',
      timestamp: () => `,"time":"${new Date(clock.wallMs()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => write(show(line)) },
  )
  return (lineLevel, message, fields = {}) => logger[lineLevel](besideOwn(fields), message)
}

function besideOwn(fields: JsonObject): JsonObject {
  if (!Object.keys(fields).some((name) => ownFields.has(name))) return fields
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [ownFields.has(name) ? `${name}_` : name, value]),
  )
}

/** `14:05:09 warn  orders wait too long  stage=clean lag=1200` */
function textOf(line: string): string {
  const entry = decodeJson(line)
  if (!isJsonObject(entry)) return line.trimEnd()
  const { level, time, message, ...fields } = entry
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${fieldText(value)}`)
  const facts = rest.length === 0 ? '' : ` ${rest.join('')}`
  const head = `${plainText(time).slice(11, 19)} ${plainText(level).padEnd(5)}`
  return printableLine(`${head} ${plainText(message)}${facts}`)
}

function plainText(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : ''
}

function fieldText(value: JsonValue): string {
  return typeof value === 'string' && /^[\w./:@-]+$/.test(value) ? value : encodeJson(value)
}
