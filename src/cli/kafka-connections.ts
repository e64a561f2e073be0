import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { duration } from '../core/config-types.ts'
import { messageOf, PipelineError } from '../core/errors.ts'
import { isPem, type ConnectionTls } from '../core/connection-tls.ts'
import {
  revealsPassword,
  saslMechanisms,
  type KafkaConnection,
  type KafkaSasl,
} from '../core/kafka-connection.ts'
import { didYouMean } from '../core/nearest-name.ts'
import { assertPem } from './file-connections.ts'
import type { CliEnvironment } from './cli-environment.ts'
import type { NamedBy } from './log-choice.ts'
import { readSecret } from './read-secret.ts'

const prefix = 'MILLRACE_KAFKA_'
/** Brokers allow no less than 6 s as they come, and a process is easily silent for a second. */
const minSessionTimeoutMs = 1_000

/** How a cluster is reached whose address the command line, `MILLRACE_LOG` or `log:` gives. */
export const kafkaVariables = {
  TLS: 'true encrypts the connections',
  TLS_CA: 'PEM file of who signs the certificates of the brokers',
  TLS_CERT: 'PEM file of the certificate of this client',
  TLS_KEY: 'PEM file of its private key, or the key itself; also as a file of the secrets folder',
  TLS_SERVER_NAME: 'the name in the certificates of the brokers',
  TLS_INSECURE_SKIP_VERIFY: 'true takes any certificate',
  SASL_MECHANISM: saslMechanisms.join(', '),
  SASL_USERNAME: 'the user',
  SASL_PASSWORD: 'the password; also as a file of the secrets folder',
  ALLOW_PLAINTEXT_PASSWORD: 'true lets SASL PLAIN send the password without TLS',
  SESSION_TIMEOUT: 'after so long without a sign of life others get the tasks of a worker (10s)',
} as const
type Variable = keyof typeof kafkaVariables

/** How messages call a setting, such as `tls.ca`: as the user gave it, or would have to. */
export function nameSetting(named: NamedBy, setting: string): string {
  if ('connection' in named) return `"connections.${named.connection}.kafka.${setting}"`
  if (setting === 'brokers') return named.address
  const variable = setting === 'sasl' ? 'sasl.mechanism' : setting
  return `${prefix}${variable.replace('.', '_').toUpperCase()}`
}

/**
 * A connection to these brokers, by the variables of the environment.
 * @throws PipelineError CONFIG_VARIABLE, CONFIG_FILE
 */
export function connectionOfEnvironment(
  brokers: readonly string[],
  environment: CliEnvironment,
): KafkaConnection {
  assertKnown(environment.env)
  const variables = new KafkaVariables(environment)
  const tls = tlsOf(variables)
  const sasl = saslOf(variables)
  const allowPlaintextPassword = variables.flag('ALLOW_PLAINTEXT_PASSWORD') ?? false
  if (revealsPassword({ sasl, isEncrypted: tls !== null, allowPlaintextPassword })) {
    throw wrong(
      `${prefix}SASL_MECHANISM=plain would send the password unencrypted: set ${prefix}TLS=true, or use ` +
        `scram-sha-256 or scram-sha-512; ${prefix}ALLOW_PLAINTEXT_PASSWORD=true allows it all the same`,
    )
  }
  return { brokers, tls, sasl, allowPlaintextPassword }
}

/**
 * How long workers wait for one that is silent, ms; null: as long as is usual. For every connection.
 * @throws PipelineError CONFIG_VARIABLE
 */
export function sessionTimeoutOf(environment: CliEnvironment): number | null {
  const text = new KafkaVariables(environment).text('SESSION_TIMEOUT')
  if (text === null) return null
  const parsed = duration().safeParse(text)
  if (parsed.success && parsed.data >= minSessionTimeoutMs) return parsed.data
  throw wrong(`${prefix}SESSION_TIMEOUT is "${text}"; it is a duration from 1s on, such as 10s`)
}

/** A mistyped name would leave the connection less safe than it was meant to be. */
function assertKnown(env: CliEnvironment['env']): void {
  const known = Object.keys(kafkaVariables).map((name) => prefix + name)
  for (const name of Object.keys(env)) {
    if (!name.startsWith(prefix) || known.includes(name)) continue
    throw wrong(
      `there is no variable ${name}${didYouMean(name, known)}; there are ${known.join(', ')}`,
    )
  }
}

function tlsOf(variables: KafkaVariables): ConnectionTls | null {
  const isOn = variables.flag('TLS')
  const tls: ConnectionTls = {
    ca: variables.pem('TLS_CA'),
    cert: variables.pem('TLS_CERT'),
    key: variables.pem('TLS_KEY'),
    serverName: variables.text('TLS_SERVER_NAME'),
    insecureSkipVerify: variables.flag('TLS_INSECURE_SKIP_VERIFY') ?? false,
  }
  if ((tls.cert === null) !== (tls.key === null)) {
    throw wrong(`${prefix}TLS_CERT and ${prefix}TLS_KEY go together, and one of them is not set`)
  }
  const isWanted = Object.values(tls).some((value) => value !== null && value !== false)
  if (isOn === false && isWanted) {
    throw wrong(
      `${prefix}TLS is false, and other ${prefix}TLS_ variables are set; leave out one of both`,
    )
  }
  return isOn === true || isWanted ? tls : null
}

function saslOf(variables: KafkaVariables): KafkaSasl | null {
  const mechanism = variables.text('SASL_MECHANISM')?.toLowerCase() ?? null
  const username = variables.text('SASL_USERNAME')
  const password = variables.secret('SASL_PASSWORD')
  if (mechanism === null && username === null && password === null) return null
  if (mechanism === null || username === null || password === null) {
    throw wrong(
      `${prefix}SASL_MECHANISM, ${prefix}SASL_USERNAME and ${prefix}SASL_PASSWORD go together, and not all of them are set`,
    )
  }
  const known = saslMechanisms.find((each) => each === mechanism)
  if (known !== undefined) return { mechanism: known, username, password }
  throw wrong(`${prefix}SASL_MECHANISM is "${mechanism}"; there are ${saslMechanisms.join(', ')}`)
}

/** The variables by the ends of their names; an empty one is not set. */
class KafkaVariables {
  readonly #environment: CliEnvironment

  constructor(environment: CliEnvironment) {
    this.#environment = environment
  }

  text(name: Variable): string | null {
    const value = this.#environment.env[prefix + name] ?? ''
    return value === '' ? null : value
  }

  flag(name: Variable): boolean | null {
    const value = this.text(name)?.toLowerCase() ?? null
    if (value === null) return null
    if (value === 'true' || value === 'false') return value === 'true'
    throw wrong(`${prefix}${name} is "${value}"; it is true or false`)
  }

  secret(name: Variable): string | null {
    const value = readSecret(prefix + name, this.#environment) ?? ''
    return value === '' ? null : value
  }

  /** The text of the file that the variable names, or its own. */
  pem(name: Variable): string | null {
    const value = this.text(name)
    if (value === null || isPem(value)) return name === 'TLS_KEY' ? this.secret(name) : value
    return assertPem(readPem(prefix + name, resolve(this.#environment.cwd, value)), value)
  }
}

function readPem(variable: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new PipelineError('CONFIG_FILE', `reading ${variable}: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

function wrong(message: string): PipelineError {
  return new PipelineError('CONFIG_VARIABLE', message)
}
