import { X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import type { Clock } from '../../../core/clock.ts'
import type { ConnectionTls } from '../../../core/connection-tls.ts'
import { messageOf } from '../../../core/errors.ts'
import {
  brokerAddress,
  type KafkaConnection,
  type KafkaSasl,
  revealsPassword,
} from '../../../core/kafka-connection.ts'
import type { ConnectionOptions } from './broker-connection.ts'
import type { ConnectionSetting, NameSetting } from './connection-setting.ts'
import type { SocketTls } from './framed-socket.ts'
import { KafkaError } from './kafka-error.ts'

export interface KafkaClientOptions extends Omit<KafkaConnection, 'allowPlaintextPassword'> {
  readonly allowPlaintextPassword?: boolean
  /** What the cluster's log and quotas know this client by. */
  readonly clientId: string
  readonly clock: Clock
  /** For the answer to one request, beyond what the broker may itself wait. */
  readonly requestTimeoutMs?: number
  /** For one connection, and each message of its login. */
  readonly connectTimeoutMs?: number
  /** Told what somebody should know, such as settings that are not safe. */
  readonly notice?: (message: string) => void
  /** Removes secrets from a text that is about to be shown. */
  readonly mask?: (text: string) => string
  /** How messages call a setting, where they were not given by the names of the pipeline file. */
  readonly nameSetting?: (setting: ConnectionSetting) => string
}

const defaultRequestTimeoutMs = 30_000
const defaultConnectTimeoutMs = 10_000
/** An answer to a fetch may be larger than what was asked for by one record batch. */
const maxAnswerBytes = 100 * 1024 * 1024
const minTlsVersion = 'TLSv1.2'

/** @throws KafkaError of kind `config` for options that cannot be used together or at all. */
export function connectionOptions(options: KafkaClientOptions): ConnectionOptions {
  const { clientId, clock, tls, sasl, notice } = options
  const { mask = (text) => text, nameSetting: name = (setting) => `"${setting}"` } = options
  if (sasl !== null) assertLogin(sasl, name)
  const allowPlaintextPassword = options.allowPlaintextPassword ?? false
  if (revealsPassword({ sasl, isEncrypted: tls !== null, allowPlaintextPassword })) {
    throw unusable(
      `${name('sasl.mechanism')} plain would send the password unencrypted: set ${name('tls')}, or use scram-sha-256 or scram-sha-512; ${name('allow_plaintext_password')} allows it all the same`,
    )
  }
  if (sasl?.mechanism === 'plain' && tls === null) {
    notice?.(
      `the password for Kafka is sent unencrypted, as ${name('allow_plaintext_password')} allows`,
    )
  }
  if (tls?.insecureSkipVerify === true) {
    notice?.(
      `the certificates of the Kafka brokers are not checked, because of ${name('tls.insecure_skip_verify')}`,
    )
  }
  return {
    clock,
    clientId,
    tls: tls === null ? null : socketTls(tls, name),
    sasl,
    connectTimeoutMs: options.connectTimeoutMs ?? defaultConnectTimeoutMs,
    requestTimeoutMs: options.requestTimeoutMs ?? defaultRequestTimeoutMs,
    maxAnswerBytes,
    mask,
    name,
  }
}

function assertLogin({ username, password }: KafkaSasl, name: NameSetting): void {
  for (const [setting, text] of [
    ['sasl.username', username],
    ['sasl.password', password],
  ] as const) {
    if (text === '') throw unusable(`${name(setting)} is empty`)
    if (text.includes('\0')) throw unusable(`${name(setting)} cannot hold the character U+0000`)
  }
}

function socketTls(
  { ca, cert, key, serverName, insecureSkipVerify }: ConnectionTls,
  name: NameSetting,
): SocketTls {
  if ((cert === null) !== (key === null)) {
    throw unusable(`${name('tls.cert')} and ${name('tls.key')} go together: one is missing`)
  }
  // Text that is no certificate would be passed over without a word.
  if (ca !== null) assertCertificates(name('tls.ca'), ca)
  if (cert !== null) assertCertificates(name('tls.cert'), cert)
  try {
    const context = createSecureContext({
      minVersion: minTlsVersion,
      ...(ca === null ? {} : { ca }),
      ...(cert === null || key === null ? {} : { cert, key }),
    })
    return { context, serverName, verify: !insecureSkipVerify }
  } catch (error) {
    throw unusable(
      `${name('tls.key')} cannot be used with ${name('tls.cert')}: ${messageOf(error)}`,
      error,
    )
  }
}

const certificatePattern = /-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs

function assertCertificates(setting: string, text: string): void {
  const blocks = text.match(certificatePattern)
  if (blocks === null) throw unusable(`${setting} holds no certificate in PEM format`)
  try {
    for (const block of blocks) void new X509Certificate(block)
  } catch (error) {
    throw unusable(`${setting} holds a certificate that cannot be read: ${messageOf(error)}`, error)
  }
}

/** @throws KafkaError ADDRESS. */
export function parseAddress(text: string): { readonly host: string; readonly port: number } {
  const address = brokerAddress(text)
  if (address === null) {
    throw new KafkaError(
      { code: 'ADDRESS', kind: 'config' },
      `the broker address "${text}" is not of the form HOST:PORT, such as localhost:9092`,
    )
  }
  const colon = address.lastIndexOf(':')
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '')
  return { host, port: Number(address.slice(colon + 1)) }
}

/** `host:port`, with brackets around an IPv6 address. */
export function formatAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

export function unusable(message: string, cause?: unknown): KafkaError {
  return new KafkaError({ code: 'OPTIONS', kind: 'config' }, message, { cause })
}
