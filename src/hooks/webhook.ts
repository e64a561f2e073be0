import { z } from 'zod'
import { cloudEventOf, cloudEventsType, scopeOf } from '../core/cloud-event.ts'
import { duration, template } from '../core/config-types.ts'
import { PipelineError } from '../core/errors.ts'
import type { Template } from '../core/expression.ts'
import {
  defineListener,
  type HookEvent,
  type Listener,
  type ListenerEnvironment,
} from '../core/hook.ts'
import type { HttpAnswer } from '../core/http-client.ts'
import { encodeJson } from '../core/json.ts'
import { messageId, signatureHeaders } from './webhook-signature.ts'

/** Scheme and host stand in the file: no record decides to whom something is sent. */
const fixedHost = /^https?:\/\/[^/?#$\s]+(?:[/?#]|$)/i
const headerName = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/
/** Nobody reads the answer: a part of it tells that somebody was there. */
const maxAnswerBytes = 4_096
const firstPauseMs = 200

const config = z.strictObject({
  url: template()
    .refine(
      ({ source }) => fixedHost.test(source),
      'an address begins with http:// or https:// and a host; expressions stand behind that',
    )
    .describe(
      'Where the event is sent. It takes `${expression}` over `event` and `value` in its path and query.',
    ),
  method: z.enum(['POST', 'PUT', 'PATCH']).default('POST').describe('The method of the request.'),
  headers: z
    .record(z.string().regex(headerName, 'a header has a name that HTTP knows'), template())
    .default({})
    .describe('More headers; their values take `${expression}`.'),
  body: template()
    .optional()
    .describe(
      'The body, with `${expression}`; a CloudEvent in JSON if left out. Give a `content-type` with it where that is not JSON.',
    ),
  secret: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
    .optional()
    .describe(
      'Signs each request as Standard Webhooks do (`webhook-id`, `webhook-timestamp`, `webhook-signature`): HMAC-SHA256 over id, time and the exact body. By reference only, `${secret:NAME}`; a list while one secret replaces another.',
    ),
  timeout: duration()
    .prefault('4s')
    .describe('For one request up to the end of its answer, within the `deadline` of the hook.'),
  attempts: z
    .int()
    .min(1)
    .max(10)
    .default(3)
    .describe(
      'How often a receiver that is away (no answer, 429, 5xx) is asked within the `deadline` of the hook. A reliable hook asks until it is back.',
    ),
  redirects: z
    .int()
    .min(0)
    .max(5)
    .default(0)
    .describe('How many redirects are followed; each target is judged as the first address.'),
  allow_private: z
    .boolean()
    .default(false)
    .describe(
      'Whether the address may be of this host or a private network. Without it a name or redirect cannot lead into your own network.',
    ),
})
type WebhookConfig = z.output<typeof config>

export const webhookListener = defineListener({
  type: 'webhook',
  summary: 'Send the event by HTTP, signed so that the receiver knows who sent it.',
  config,
  examples: [
    {
      title: 'A signed CloudEvent',
      config: { url: 'https://example.com/hooks', secret: '${secret:HOOK_SECRET}' },
    },
    {
      title: 'A message for a chat',
      config: {
        url: 'https://chat.example.com/rooms/${event.stage}',
        headers: { authorization: 'Bearer ${secret:CHAT_TOKEN}' },
        body: '{ "text": ${to_json(event.message)} }',
      },
    },
  ],
  secrets: [['secret']],
  create: (settings, environment) => new Webhook(settings, environment),
})

class Webhook implements Listener {
  readonly #config: WebhookConfig
  readonly #environment: ListenerEnvironment

  constructor(settings: WebhookConfig, environment: ListenerEnvironment) {
    this.#config = settings
    this.#environment = environment
  }

  /** @throws PipelineError PEER_UNAVAILABLE, PEER_REJECTED */
  async notify(event: HookEvent, signal: AbortSignal): Promise<void> {
    const { clock, isReliable } = this.#environment
    const attempts = isReliable ? 1 : this.#config.attempts
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#send(event, signal)
        return
      } catch (thrown) {
        const isAway = thrown instanceof PipelineError && thrown.kind === 'unavailable'
        if (!isAway || attempt === attempts || signal.aborted) throw thrown
        await clock.sleep(firstPauseMs * 2 ** (attempt - 1), signal)
        if (signal.aborted) throw thrown
      }
    }
  }

  async #send(event: HookEvent, signal: AbortSignal): Promise<void> {
    const { http } = this.#environment
    if (http === undefined)
      throw new PipelineError('PEER_UNAVAILABLE', 'nothing outside is reached here')
    const { url, method, timeout, redirects, allow_private: allowPrivate } = this.#config
    const address = rendered(url, event)
    const body = this.#bodyOf(event)
    const answer = await http.send({
      method,
      url: address,
      headers: this.#headersOf(event, body),
      body,
      deadlineMs: timeout,
      maxAnswerBytes,
      maxRedirects: redirects,
      addresses: allowPrivate ? 'any' : 'public',
      signal,
    })
    assertTaken(answer, URL.parse(address)?.host ?? 'the receiver')
  }

  #bodyOf(event: HookEvent): Uint8Array {
    const { body } = this.#config
    return Buffer.from(body === undefined ? encodeJson(cloudEventOf(event)) : rendered(body, event))
  }

  #headersOf(event: HookEvent, body: Uint8Array): Record<string, string> {
    const { headers, secret, body: own } = this.#config
    const timestamp = Math.floor(this.#environment.clock.wallMs() / 1_000)
    const message = { id: messageId(event.id), timestamp, body }
    const given = Object.entries(headers).map(
      ([name, value]) => [name.toLowerCase(), rendered(value, event)] as const,
    )
    return {
      'content-type': own === undefined ? cloudEventsType : 'application/json',
      ...Object.fromEntries(given),
      ...signatureHeaders(message, secret === undefined ? [] : [secret].flat()),
    }
  }
}

function rendered(text: Template, event: HookEvent): string {
  // Compiled for the scope of events instead of a record's.
  return text.render(scopeOf(event) as never)
}

const tryLater: ReadonlySet<number> = new Set([408, 425, 429])

/** @throws PipelineError PEER_UNAVAILABLE, PEER_REJECTED */
function assertTaken({ status }: HttpAnswer, host: string): void {
  if (status >= 200 && status < 300) return
  if (status >= 500 || tryLater.has(status))
    throw new PipelineError('PEER_UNAVAILABLE', `${host} answered ${status}`)
  const hint =
    status >= 300 && status < 400 ? ', a redirect that is not followed (`redirects:`)' : ''
  throw new PipelineError('PEER_REJECTED', `${host} answered ${status}${hint}`)
}
