import { messageOf, PipelineError } from '../../core/errors.ts'

/** What is told of an error by its code; of others their own message. */
const tellings: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there (connection refused)',
  ECONNRESET: 'it broke the connection off',
  EPIPE: 'it broke the connection off',
  UND_ERR_SOCKET: 'it broke the connection off before the answer was complete',
  ENOTFOUND: 'no address is known by this name (DNS)',
  EAI_AGAIN: 'the name could not be resolved just now (DNS)',
  EHOSTUNREACH: 'no way leads to this host',
  ENETUNREACH: 'no way leads to this network',
  ETIMEDOUT: 'the connection could not be made in time',
  UND_ERR_CONNECT_TIMEOUT: 'the connection could not be made in time',
  UND_ERR_HEADERS_OVERFLOW: 'the headers of its answer are too long',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'its answer is not as long as it says',
  CERT_HAS_EXPIRED: 'its certificate has expired (TLS)',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is not signed by anybody known here (TLS)',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not signed by anybody known here (TLS)',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not signed by anybody known here (TLS)',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name (TLS)',
  EPROTO: 'it does not speak TLS as expected',
}

/** Of requests that cannot be sent to anybody, whatever the peer does. */
const unsendable = new Set([
  'UND_ERR_INVALID_ARG',
  'UND_ERR_NOT_SUPPORTED',
  'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
  'ERR_INVALID_CHAR',
  'ERR_INVALID_URL',
])

/**
 * Whatever was thrown on the way to an answer, as an error of the table that names the host and what
 * happened. The cause is kept out: it can hold the request with its headers.
 */
export function httpError(host: string, thrown: unknown): PipelineError {
  const error = innermost(thrown)
  if (error instanceof PipelineError) return error
  const code = codeOf(error)
  if (unsendable.has(code))
    return new PipelineError(
      'PEER_REJECTED',
      `the request to ${host} cannot be sent: ${messageOf(error)}`,
    )
  return new PipelineError('PEER_UNAVAILABLE', `${host} gave no answer: ${telling(code, error)}`)
}

export function requestUnsendable(host: string, why: string): PipelineError {
  return new PipelineError('PEER_REJECTED', `the request to ${host} cannot be sent: ${why}`)
}

function telling(code: string, error: unknown): string {
  const known = tellings[code]
  if (known !== undefined) return known
  if (code.startsWith('HPE_')) return `its answer is no HTTP (${code})`
  if (code.startsWith('Z_') || code.startsWith('ERR__ERROR_FORMAT') || code.startsWith('ZSTD_'))
    return `its answer cannot be decompressed (${code})`
  return code === '' ? messageOf(error) : `${messageOf(error)} (${code})`
}

/** Of several addresses that were tried the first one's error; of a wrapped error what is inside. */
function innermost(thrown: unknown): unknown {
  if (thrown instanceof PipelineError) return thrown
  if (thrown instanceof AggregateError && thrown.errors.length > 0)
    return innermost(thrown.errors[0])
  if (thrown instanceof Error && thrown.cause instanceof Error && codeOf(thrown) === '')
    return innermost(thrown.cause)
  return thrown
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : ''
}
