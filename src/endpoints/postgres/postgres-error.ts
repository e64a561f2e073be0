import pg from 'pg'
import type { ConnectionName } from '../../core/connection-name.ts'
import { messageOf, PipelineError, type ErrorCode } from '../../core/errors.ts'

/**
 * What an error of the server is about: `row` what was written, by itself; `rows` what was written
 * beside what is there; `again` a conflict with another transaction; `away` the server at this time;
 * `setup` how it is set up, or what is asked of it.
 */
export type PostgresFault = 'row' | 'rows' | 'again' | 'away' | 'setup'

/** By SQLSTATE, of which the first two characters are a class; see Appendix A of PostgreSQL's manual. */
const faults: Readonly<Record<string, PostgresFault>> = {
  '21': 'row', // One statement meets a row twice: told apart by splitting.
  '22': 'row',
  '23': 'rows',
  '23502': 'row', // NOT NULL
  '23514': 'row', // CHECK
  '25006': 'away', // Read-only: a standby, until it is promoted.
  '44': 'row', // WITH CHECK OPTION
  '40': 'again',
  '55P03': 'again', // A lock was not to be had in time.
  '57014': 'away', // Took longer than it may.
  '54': 'row', // Too large or too deep for an index, a row or the parser.
  P0: 'rows', // A trigger says so.
  '28': 'setup',
  '3D': 'setup',
  '3F': 'setup',
  '42': 'setup',
  '42804': 'row',
  '42846': 'row',
  '0A': 'setup',
}

/** A row that a policy refuses has the code of a right that is missing. */
const policyRoutine = 'ExecWithCheckOptions'

export function faultOf(thrown: unknown): PostgresFault {
  if (!(thrown instanceof pg.DatabaseError)) return 'away'
  const { code = '', routine } = thrown
  if (routine === policyRoutine) return 'row'
  return faults[code] ?? faults[code.slice(0, 2)] ?? 'away'
}

/** Codes of TLS and of this client that no waiting changes. */
const refusals = /certificate|self.signed|SSL|TLS|altname|password|SASL/i

/** The server's words about a row, without the values in it: what stands there is nobody else's business. */
export function rowMessage(thrown: unknown): string {
  if (!(thrown instanceof pg.DatabaseError)) return messageOf(thrown)
  const { code = '', message } = thrown
  // Only these quote values; the others quote names.
  const isAboutValues = code.startsWith('22')
  const shown = isAboutValues ? message.replaceAll(/"(?:[^"]|"")*"/g, '"..."') : message
  return `the server refuses it: ${shown} (SQLSTATE ${code})`
}

/** How messages call a connection. */
export function shownConnection({ name, settings }: ConnectionName<'postgres'>): string {
  const { host, port, database } = settings
  const place = host.startsWith('/') ? host : `${host.includes(':') ? `[${host}]` : host}:${port}`
  return `the PostgreSQL connection "${name}" (${place}/${database})`
}

/** @param doing what was tried, in the words of messages. */
export function postgresError(
  thrown: unknown,
  connection: ConnectionName<'postgres'>,
  doing: string,
): PipelineError {
  if (thrown instanceof PipelineError) return thrown
  const message = `${shownConnection(connection)}: ${doing}: ${reasonOf(thrown)}`
  return new PipelineError(codeOf(thrown), message, { cause: thrown })
}

function codeOf(thrown: unknown): ErrorCode {
  if (thrown instanceof pg.DatabaseError) {
    return faultOf(thrown) === 'setup' ? 'PEER_REFUSED' : 'PEER_UNAVAILABLE'
  }
  return refusals.test(reasonOf(thrown)) ? 'PEER_REFUSED' : 'PEER_UNAVAILABLE'
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there: start the server, or correct host and port',
  ENOTFOUND: 'the host is not known: correct it',
  EAI_AGAIN: 'the name of the host cannot be looked up at the moment',
  ENOENT: 'there is no socket in this folder: start the server, or correct host and port',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ETIMEDOUT: 'there is no answer',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
}

function reasonOf(thrown: unknown): string {
  if (thrown instanceof pg.DatabaseError) {
    return `${thrown.message} (SQLSTATE ${thrown.code ?? 'unknown'})`
  }
  const error = thrown instanceof AggregateError ? (thrown.errors as unknown[])[0] : thrown
  const code =
    typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''
  return reasons[code] ?? messageOf(error)
}
