import { messageOf } from '../../../core/errors.ts'
import type { NameSetting } from './connection-setting.ts'
import { BadFrameLength } from './framed-socket.ts'
import { KafkaError } from './kafka-error.ts'

/** Where the address was found that was connected to, and by which settings. */
export interface ConnectionTarget {
  /** `host:port`. */
  readonly address: string
  /** Whether a broker gave the address, in place of the settings. */
  readonly advertised: boolean
  /** Whether the client has ever been connected to it: if so, the settings are right. */
  readonly proven: boolean
  readonly tls: boolean
  readonly sasl: boolean
  readonly name: NameSetting
}

/** Codes by which OpenSSL says that a certificate does not fit. */
const certificateProblem =
  /CERT|SELF_SIGNED|UNABLE_TO|HOSTNAME_MISMATCH|ERR_TLS_|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH/

/** What was tried: the beginning of all messages. */
function tried({ address, advertised }: ConnectionTarget): string {
  return advertised
    ? `connecting to the broker at ${address}, an address that the cluster gave (\`advertised.listeners\`)`
    : `connecting to the broker at ${address}`
}

/** What to do about an address that is wrong. */
function correction({ advertised, name }: ConnectionTarget): string {
  return advertised
    ? 'let the broker give an address that can be reached from here'
    : `correct ${name('brokers')}`
}

/** The error for a connection that did not come about; `cause` null: the broker closed it. */
export function connectError(target: ConnectionTarget, cause: unknown): KafkaError {
  const code = codeOf(cause)
  const { name } = target
  const correct = correction(target)
  const refuse = (
    what: { code: string; kind: 'config' | 'retriable' },
    message: string,
  ): KafkaError => new KafkaError(what, `${tried(target)}: ${message}`, { cause })

  if (code === 'ENOTFOUND') {
    const kind = target.proven ? 'retriable' : 'config'
    return refuse({ code: 'ADDRESS', kind }, `no such host is known: ${correct}`)
  }
  if (code === 'EAI_AGAIN') {
    const hint = 'the host name cannot be looked up: no name server answers'
    return refuse({ code: 'ADDRESS', kind: 'retriable' }, hint)
  }
  if (code === 'ECONNREFUSED') {
    const hint = `nothing listens there: start the broker, or ${correct}`
    return refuse({ code: 'CONNECTION', kind: 'retriable' }, hint)
  }
  if (/ALERT/.test(code)) {
    const hint = `the broker ended TLS (${textOf(cause)}): check ${name('tls.cert')} and ${name('tls.key')}`
    return refuse({ code: 'TLS', kind: 'config' }, hint)
  }
  if (target.tls && certificateProblem.test(code)) {
    const hint = `${textOf(cause)}: check ${name('tls.ca')} and ${name('tls.server_name')}`
    return refuse({ code: 'TLS', kind: 'config' }, hint)
  }
  if (/^(?:ERR_SSL|EPROTO)/.test(code)) {
    const hint = `the broker does not speak TLS (${textOf(cause)}): use its TLS port, or leave out ${name('tls')}`
    return refuse({ code: 'TLS', kind: 'config' }, hint)
  }
  if (target.tls && (cause === null || code === 'ECONNRESET')) {
    const hint = `it was closed before TLS began: use the TLS port of the broker, or leave out ${name('tls')}`
    return refuse({ code: 'CONNECTION', kind: target.proven ? 'retriable' : 'config' }, hint)
  }
  const hint = cause === null ? 'the broker closed the connection' : textOf(cause)
  return refuse({ code: 'CONNECTION', kind: 'retriable' }, hint)
}

/** The error for a connection that the broker closed at one of its first requests. */
export function greetingError(target: ConnectionTarget, cause: unknown): KafkaError {
  const { name } = target
  const correct = correction(target)
  if (cause instanceof BadFrameLength) {
    const hint = cause.looksLikeTls
      ? `the broker speaks TLS: set ${name('tls')}, or use its port without`
      : `this is no Kafka broker: ${correct}`
    return new KafkaError({ code: 'CONNECTION', kind: 'config' }, `${tried(target)}: ${hint}`, {
      cause,
    })
  }
  const code = codeOf(cause)
  if (target.tls && (/ALERT/.test(code) || certificateProblem.test(code))) {
    return connectError(target, cause)
  }
  const kind = target.proven ? 'retriable' : 'config'
  const missing = [...(target.tls ? [] : [name('tls')]), ...(target.sasl ? [] : [name('sasl')])]
  const hint = missing.length === 0 ? '' : `: it may ask for ${missing.join(' or ')}`
  const message = `${tried(target)}: the broker closed the connection at the first request${hint}`
  return new KafkaError({ code: 'CONNECTION', kind }, message, { cause })
}

/** The error for an address that takes the connection and then says nothing. */
export function silentError(target: ConnectionTarget, timeoutMs: number): KafkaError {
  const message =
    `${tried(target)}: no answer to the first request within ${timeoutMs} ms: the broker hangs, or this is ` +
    `none: ${correction(target)}`
  return new KafkaError({ code: 'TIMEOUT', kind: 'retriable' }, message)
}

/** The error for a connection that was in use. */
export function lostConnection(cause: unknown): string {
  if (cause instanceof BadFrameLength) {
    return `the broker began an answer of ${cause.length} bytes, which is more than is accepted`
  }
  if (cause instanceof KafkaError) return 'the Kafka client was closed'
  return cause === null
    ? 'the broker closed the connection'
    : `the connection broke (${textOf(cause)})`
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : ''
}

function textOf(cause: unknown): string {
  // OpenSSL's message names lines of its source; the reason is what it says in words.
  if (cause instanceof Error && 'reason' in cause && typeof cause.reason === 'string') {
    return cause.reason
  }
  // Node adds advice for those who write programs.
  return messageOf(cause).replace(/; if the root CA is installed locally.*$/, '')
}
