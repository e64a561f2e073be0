import type { ConnectionTls } from './connection-tls.ts'

/** How a Kafka cluster is reached, with all secrets filled in and all files read. */
export interface KafkaConnection {
  /** `host:port`; each leads to the rest of the cluster. */
  readonly brokers: readonly string[]
  readonly tls: ConnectionTls | null
  readonly sasl: KafkaSasl | null
  /** Whether SASL PLAIN may send its password over a connection that is not encrypted. */
  readonly allowPlaintextPassword: boolean
}

export const saslMechanisms = ['plain', 'scram-sha-256', 'scram-sha-512'] as const

export interface KafkaSasl {
  readonly mechanism: (typeof saslMechanisms)[number]
  readonly username: string
  readonly password: string
}

const scheme = 'kafka://'
const defaultPort = 9092
const brokerPattern =
  /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?::(\d{1,5}))?$/

export function isKafkaUrl(text: string): boolean {
  return text.startsWith(scheme)
}

/** `host:port` of a broker, with the usual port where it has none; null for what is no address. */
export function brokerAddress(text: string): string | null {
  const [, host, digits] = brokerPattern.exec(text) ?? []
  const port = digits === undefined ? defaultPort : Number(digits)
  return host === undefined || port < 1 || port > 65_535 ? null : `${host}:${port}`
}

/**
 * The brokers of `kafka://HOST:PORT,HOST:PORT`, or a sentence about what is wrong with it. The text
 * itself is not repeated there: it may hold a password.
 */
export function brokersOfUrl(url: string): readonly string[] | string {
  const rest = url.slice(scheme.length).replace(/\/$/, '')
  if (!isKafkaUrl(url) || rest === '') return 'a Kafka log is kafka://HOST:PORT,HOST:PORT'
  if (rest.includes('@')) {
    return 'the address of a Kafka log holds no user and password; they are given by reference'
  }
  if (/[/?#]/.test(rest)) {
    return 'a Kafka log is kafka://HOST:PORT,HOST:PORT, and nothing follows the addresses'
  }
  const addresses = rest.split(',').map(brokerAddress)
  const bad = addresses.indexOf(null)
  if (bad !== -1) return `"${rest.split(',')[bad]}" is no address of a broker, which is HOST:PORT`
  return [...new Set(addresses.filter((address) => address !== null))]
}

export function kafkaUrl({ brokers }: Pick<KafkaConnection, 'brokers'>): string {
  return `${scheme}${brokers.join(',')}`
}

/** SASL PLAIN hands the password over as it is: whoever listens on the network then has it. */
export function revealsPassword(connection: {
  readonly sasl: Pick<KafkaSasl, 'mechanism'> | null
  readonly isEncrypted: boolean
  readonly allowPlaintextPassword: boolean
}): boolean {
  const { sasl, isEncrypted, allowPlaintextPassword } = connection
  return sasl?.mechanism === 'plain' && !isEncrypted && !allowPlaintextPassword
}
