import type { ConnectionName } from '../../core/connection-name.ts'
import { messageOf, PipelineError } from '../../core/errors.ts'

/** Replies of AMQP that say what is wrong with a setting, or with what the server has. */
export const amqpReply = {
  accessRefused: 403,
  notFound: 404,
  resourceLocked: 405,
  preconditionFailed: 406,
} as const

export function shownConnection({ name, settings }: ConnectionName<'rabbitmq'>): string {
  const { host, port } = settings
  return `the RabbitMQ connection "${name}" (${host.includes(':') ? `[${host}]` : host}:${port})`
}

export function unavailable(connection: ConnectionName<'rabbitmq'>, reason: string): PipelineError {
  return new PipelineError('PEER_UNAVAILABLE', `${shownConnection(connection)}: ${reason}`)
}

/** What somebody has to mend: trying again is of no use. */
export function refused(connection: ConnectionName<'rabbitmq'>, reason: string): PipelineError {
  return new PipelineError('PEER_REFUSED', `${shownConnection(connection)}: ${reason}`)
}

/** The reply code of an error that the server has sent; null where it has sent none. */
export function replyCodeOf(thrown: unknown): number | null {
  const code = (thrown as { code?: unknown } | null)?.code
  return typeof code === 'number' ? code : null
}

/** The server's words, without the client's. */
export function reasonOf(thrown: unknown): string {
  const text = messageOf(thrown)
  return /with message "(?:[A-Z_]+ - )?(.*)"$/s.exec(text)?.[1] ?? text
}

/** What came instead of a connection. */
export function openingError(
  connection: ConnectionName<'rabbitmq'>,
  thrown: unknown,
): PipelineError {
  const text = messageOf(thrown)
  const { user, vhost } = connection.settings
  if (text.includes('(ACCESS-REFUSED)')) {
    return refused(connection, `it refuses the user "${user}"; correct "user" and "password"`)
  }
  // The client does not say why. The server may still be starting.
  if (text.startsWith('Expected ConnectionOpenOk')) {
    const rights = `it may not be there, not be up, or be closed to the user "${user}"`
    return unavailable(connection, `the virtual host "${vhost}" was not opened: ${rights}`)
  }
  if (isAboutCertificates(thrown)) {
    return refused(connection, `${text}; correct "tls" of the connection`)
  }
  return unavailable(connection, reasonOf(thrown))
}

function isAboutCertificates(thrown: unknown): boolean {
  const code = (thrown as { code?: unknown } | null)?.code
  return (
    typeof code === 'string' &&
    /^(?:ERR_TLS_|ERR_SSL_|CERT_|SELF_SIGNED|DEPTH_|UNABLE_TO_)/.test(code)
  )
}
