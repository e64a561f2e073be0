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

/** Numbers of the OpenTelemetry log data model, the first of each range. */
const severityNumbers: Readonly<Record<LogLevel, number>> = {
  debug: 5,
  info: 9,
  warn: 13,
  error: 17,
}
/** Fields that the data model has at the top; all others are attributes. */
const idFields = new Set(['trace_id', 'span_id'])

/**
 * The log of the process. As JSON a line has the fields of the OpenTelemetry log data model, in the
 * spelling that it wants for JSON: `timestamp`, `severity_text`, `severity_number`, `body`,
 * `trace_id` and `span_id` where it is about a record, `attributes`.
 */
export function createLogger({ level, format, clock, write }: LoggerOptions): WriteLog {
  const show = format === 'json' ? (line: string) => line.trimEnd() : textOf
  const logger = pino(
    {
      level,
      base: null,
      messageKey: 'body',
      timestamp: () => `,"timestamp":"${new Date(clock.wallMs()).toISOString()}"`,
      formatters: {
        level: (label) => ({
          severity_text: label.toUpperCase(),
          severity_number: severityNumbers[label as LogLevel],
        }),
      },
    },
    { write: (line: string) => write(show(line)) },
  )
  return (lineLevel, message, fields = {}) => logger[lineLevel](arranged(fields), message)
}

function arranged(fields: JsonObject): JsonObject {
  const entries = Object.entries(fields)
  const ids = entries.filter(([name, value]) => idFields.has(name) && typeof value === 'string')
  const others = entries.filter((entry) => !ids.includes(entry))
  return {
    ...Object.fromEntries(ids),
    ...(others.length === 0 ? {} : { attributes: Object.fromEntries(others) }),
  }
}

/** `14:05:09 warn  orders wait too long  stage=clean lag=1200` */
function textOf(line: string): string {
  const entry = decodeJson(line)
  if (!isJsonObject(entry)) return line.trimEnd()
  const { severity_text: level, timestamp, body, trace_id: traceId, span_id: spanId } = entry
  const { attributes } = entry
  const ids = [
    ['trace_id', traceId],
    ['span_id', spanId],
  ] as const
  const facts = [
    ...(isJsonObject(attributes) ? Object.entries(attributes) : []),
    ...ids.filter(([, value]) => value !== undefined),
  ].map(([name, value]) => ` ${name}=${fieldText(value ?? null)}`)
  const head = `${plainText(timestamp).slice(11, 19)} ${plainText(level).toLowerCase().padEnd(5)}`
  const rest = facts.length === 0 ? '' : ` ${facts.join('')}`
  return printableLine(`${head} ${plainText(body)}${rest}`)
}

function plainText(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : ''
}

function fieldText(value: JsonValue): string {
  return typeof value === 'string' && /^[\w./:@-]+$/.test(value) ? value : encodeJson(value)
}
