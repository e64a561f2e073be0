import { lookup } from 'node:dns'
import { isIP } from 'node:net'
import { Agent, buildConnector } from 'undici'
import type { Clock } from '../../core/clock.ts'
import { PipelineError } from '../../core/errors.ts'
import type { HttpAnswer, HttpClient, HttpRequest } from '../../core/http-client.ts'
import { hasControlCharacter } from './header-value.ts'
import { httpError, requestUnsendable } from './http-error.ts'
import {
  addressRefused,
  isPublicAddress,
  publicLookup,
  type ResolveName,
} from './public-address.ts'
import { readBody } from './read-answer.ts'
import { isWebAddress, redirected, type Hop } from './redirect.ts'

/** To one origin at a time; requests beyond wait for a free connection within their deadline. */
const maxConnections = 128
/** Of an attempt to connect that nobody waits for any more. */
const connectTimeoutMs = 10_000
const keepAliveMs = 10_000

export interface HttpClientOptions {
  readonly clock: Clock
  /** By default the system's. */
  readonly resolve?: ResolveName
}

export function openHttpClient(options: HttpClientOptions): HttpClient {
  return new UndiciClient(options)
}

/** One pool of connections per policy: one that was made without being judged is never used by who asks for that. */
class UndiciClient implements HttpClient {
  readonly #clock: Clock
  readonly #agents: Readonly<Record<HttpRequest['addresses'], Agent>>

  constructor({ clock, resolve = lookup }: HttpClientOptions) {
    this.#clock = clock
    this.#agents = {
      any: openAgent(connector({ lookup: resolve })),
      public: openAgent(judging(connector({ lookup: publicLookup(resolve) }))),
    }
  }

  async send(request: HttpRequest): Promise<HttpAnswer> {
    const first = firstHop(request)
    const over = new AbortController()
    const stop = new AbortController()
    const abort = () =>
      stop.abort(
        new PipelineError('PEER_UNAVAILABLE', `the request to ${first.url.host} was stopped`),
      )
    if (request.signal.aborted) abort()
    request.signal.addEventListener('abort', abort, { once: true })
    void this.#endInTime(request, { host: first.url.host, stop, over: over.signal })
    try {
      return await this.#follow(first, request, stop.signal)
    } finally {
      over.abort()
      request.signal.removeEventListener('abort', abort)
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#agents.any.destroy(), this.#agents.public.destroy()])
  }

  async #endInTime(
    { deadlineMs }: HttpRequest,
    of: { readonly host: string; readonly stop: AbortController; readonly over: AbortSignal },
  ): Promise<void> {
    await this.#clock.sleep(deadlineMs, of.over)
    const message = `${of.host} gave no complete answer within ${deadlineMs} ms`
    if (!of.over.aborted) of.stop.abort(new PipelineError('PEER_UNAVAILABLE', message))
  }

  async #follow(first: Hop, request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    let hop = first
    for (let followed = 0; ; followed++) {
      const { host } = hop.url
      try {
        const answer = await this.#exchange(hop, request, signal)
        if (request.maxRedirects === 0) return answer
        const next = redirected(hop, answer.status, answer.headers.get('location'))
        if (next === null) return answer
        if (followed === request.maxRedirects) throw tooManyRedirects(first, followed)
        hop = next
      } catch (thrown) {
        throw httpError(host, signal.aborted ? signal.reason : thrown)
      }
    }
  }

  async #exchange(hop: Hop, request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const { url, method, headers, body } = hop
    const answer = await this.#agents[request.addresses].request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method,
      headers,
      body,
      signal,
      responseHeaders: null,
    })
    const named = headersOf(answer.headers)
    const encoding = named.get('content-encoding')
    const { bytes, isCut } = await readBody(answer.body, encoding, request.maxAnswerBytes)
    if (signal.aborted) throw signal.reason
    return { status: answer.statusCode, headers: named, body: bytes, isCut }
  }
}

type Connector = ReturnType<typeof buildConnector>

function openAgent(connect: Connector): Agent {
  return new Agent({
    connect,
    connections: maxConnections,
    keepAliveTimeout: keepAliveMs,
    // The deadline of the request stands for both.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
}

function connector({ lookup: resolve }: { readonly lookup: unknown }): Connector {
  const options = { lookup: resolve, timeout: connectTimeoutMs, allowH2: false }
  return buildConnector(options as Parameters<typeof buildConnector>[0])
}

/** An address that needs no look-up is judged here. */
function judging(connect: Connector): Connector {
  return (options, done) => {
    const { hostname } = options
    if (isIP(hostname) !== 0 && !isPublicAddress(hostname)) done(addressRefused(hostname), null)
    else connect(options, done)
  }
}

/** @throws PipelineError PEER_REJECTED when it cannot be sent to anybody. */
function firstHop({ method, url, headers, body }: HttpRequest): Hop {
  const parsed = URL.parse(url)
  if (parsed === null || !isWebAddress(parsed))
    throw new PipelineError('PEER_REJECTED', 'a request needs an address with http:// or https://')
  const { host } = parsed
  const sent: Record<string, string> = { 'user-agent': 'millrace', ...credentialsOf(parsed) }
  for (const [name, value] of Object.entries(headers)) {
    if (!headerName.test(name))
      throw requestUnsendable(host, 'a header has a name that HTTP does not know')
    if (hasControlCharacter(value))
      throw requestUnsendable(host, `the header ${name} has a control character in its value`)
    sent[name] = asBytes(value)
  }
  return { url: parsed, method, headers: sent, body }
}

const headerName = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/

/** Headers are sent as Latin-1, and mostly read as UTF-8. */
function asBytes(value: string): string {
  return Buffer.from(value, 'utf8').toString('latin1')
}

/** @throws PipelineError PEER_REJECTED */
function credentialsOf({ host, username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {}
  try {
    const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
    return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
  } catch {
    throw requestUnsendable(host, 'the name or password in its address is not percent-encoded')
  }
}

function headersOf(
  given: Readonly<Record<string, string | readonly string[] | undefined>>,
): Map<string, string> {
  const named = new Map<string, string>()
  for (const [name, value] of Object.entries(given)) {
    const first = typeof value === 'string' ? value : value?.[0]
    if (first !== undefined) named.set(name.toLowerCase(), first)
  }
  return named
}

function tooManyRedirects({ url }: Hop, followed: number): PipelineError {
  return new PipelineError(
    'PEER_REJECTED',
    `${url.host} redirects more often than ${followed} times; set the address that is meant`,
  )
}
