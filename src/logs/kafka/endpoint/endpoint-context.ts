import type { Clock, Random } from '../../../core/clock.ts'
import type { ConnectionName } from '../../../core/connection-name.ts'
import { asPipelineError, PipelineError, type ErrorCode } from '../../../core/errors.ts'
import { KafkaError, type KafkaErrorKind } from '../client/kafka-error.ts'

/** What sources and sinks on Kafka get from the outside. */
export interface EndpointContext {
  readonly clock: Clock
  readonly random: Random
  readonly notice: (message: string) => void
  /** Replaces secrets in a text. */
  readonly mask: (text: string) => string
}

/** A log that fails ends all pipelines; a cluster that a source or sink uses only its own. */
const codes: Readonly<Record<KafkaErrorKind, ErrorCode>> = {
  retriable: 'PEER_UNAVAILABLE',
  indefinite: 'PEER_UNAVAILABLE',
  rebalance: 'PEER_UNAVAILABLE',
  abortable: 'PEER_UNAVAILABLE',
  fenced: 'PEER_UNAVAILABLE',
  config: 'LOG_REFUSED',
  fatal: 'LOG_REFUSED',
}

export function shownConnection({ name, settings }: ConnectionName<'kafka'>): string {
  return `the Kafka connection "${name}" (${settings.brokers.join(', ')})`
}

/** @param rights what the user has to be allowed, where that is why it failed. */
export function endpointError(
  thrown: unknown,
  connection: ConnectionName<'kafka'>,
  rights: string,
): PipelineError {
  if (!(thrown instanceof KafkaError)) return asPipelineError(thrown)
  const user = connection.settings.sasl?.username ?? null
  const who = user === null ? 'the user of this connection' : `the user "${user}"`
  const hint = thrown.code.endsWith('_AUTHORIZATION_FAILED') ? `; ${who} needs ${rights}` : ''
  const message = `${shownConnection(connection)}: ${thrown.message}${hint}`
  return new PipelineError(codes[thrown.kind], message, { cause: thrown })
}

export function unavailable(connection: ConnectionName<'kafka'>, reason: string): PipelineError {
  return new PipelineError('PEER_UNAVAILABLE', `${shownConnection(connection)}: ${reason}`)
}
