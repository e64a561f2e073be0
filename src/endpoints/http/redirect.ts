import type { HttpRequest } from '../../core/http-client.ts'
import { PipelineError } from '../../core/errors.ts'

/** What of a request is sent to whoever answers next. */
export interface Hop {
  readonly url: URL
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: HttpRequest['body']
}

const redirects = new Set([301, 302, 303, 307, 308])

/** Headers that another origin may see: any other could hold a secret of the first one's. */
const sharedHeaders = new Set([
  'accept',
  'content-type',
  'idempotency-key',
  'traceparent',
  'tracestate',
  'user-agent',
])
const sharedPrefixes = ['ce-', 'webhook-']

/**
 * Where an answer sends the request; null where it is none of a redirect.
 * @throws PipelineError PEER_REJECTED where it leads to what is no web address, or away from TLS.
 */
export function redirected(hop: Hop, status: number, location: string | undefined): Hop | null {
  if (!redirects.has(status) || location === undefined) return null
  const url = URL.parse(location, hop.url.href)
  if (url === null || !isWebAddress(url)) throw refused(hop, 'to what is no http or https address')
  if (hop.url.protocol === 'https:' && url.protocol === 'http:')
    throw refused(hop, 'from https to http')
  const keepsBody = status === 307 || status === 308
  const headers = Object.entries(hop.headers).filter(
    ([name]) =>
      (url.origin === hop.url.origin || isShared(name)) &&
      (keepsBody || !name.startsWith('content-')),
  )
  return {
    url,
    method: keepsBody || hop.method === 'HEAD' ? hop.method : 'GET',
    headers: Object.fromEntries(headers),
    body: keepsBody ? hop.body : null,
  }
}

export function isWebAddress({ protocol }: URL): boolean {
  return protocol === 'http:' || protocol === 'https:'
}

function isShared(name: string): boolean {
  return sharedHeaders.has(name) || sharedPrefixes.some((prefix) => name.startsWith(prefix))
}

function refused({ url }: Hop, where: string): PipelineError {
  return new PipelineError(
    'PEER_REJECTED',
    `${url.host} redirects ${where}, which is not followed; set the address that is meant`,
  )
}
