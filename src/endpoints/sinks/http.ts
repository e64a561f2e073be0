import { z } from 'zod'
import { duration, size, template } from '../../core/config-types.ts'
import { defineSink } from '../../core/endpoints.ts'
import { HttpSink } from '../sending/http-sink.ts'

const maxConcurrency = 256
const maxRedirects = 10

/** Scheme and host are the pipeline's: what a record holds may only be a part of the rest. */
const fixedHost = /^https?:\/\/[^/?#\s]+(?:[/?].*)?$/s

const batch = z
  .strictObject({
    records: z.int().min(1).default(1).describe('Records in one request.'),
    bytes: size().prefault('1MiB').describe('Bytes of values in one request, but for one record.'),
  })
  .prefault({})
  .describe('How many records go together; those of a lane with the same url and headers do.')

const config = z
  .strictObject({
    url: template()
      .refine(
        ({ source }) => fixedHost.test(source) && !/^https?:\/\/[^/?#]*\$\{/.test(source),
        'an address begins with http:// or https:// and a host without an expression in it',
      )
      .describe(
        'Where records are sent. A value in it is percent-encoded, and a record whose value is empty or leads elsewhere (..) fails.',
      )
      .meta({ examples: ['https://example.com/orders/${value.order_id}'] }),
    method: z.enum(['POST', 'PUT', 'PATCH', 'DELETE']).default('POST').describe('The method.'),
    headers: z
      .record(z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/), template())
      .default({})
      .describe('Headers beside content-type, idempotency-key and traceparent, or instead of them.')
      .meta({ examples: [{ authorization: 'Bearer ${secret:TOKEN}' }] }),
    format: z
      .enum(['json', 'ndjson', 'json_array'])
      .optional()
      .describe(
        'json: the value as it is, one record in a request; ndjson: a line each; json_array: an array (default where batch.records is above 1, else json).',
      ),
    batch,
    concurrency: z
      .int()
      .min(1)
      .max(maxConcurrency)
      .default(8)
      .describe('Requests at a time; records of one key are sent one after the other.'),
    timeout: duration()
      .prefault('10s')
      .describe('Until the whole answer is there; then the peer counts as away.'),
    idempotency_key: z
      .boolean()
      .default(true)
      .describe(
        'Whether requests carry an Idempotency-Key, the same each time a record is sent: the stage, and topic, partition, offset and time of the record it came of.',
      ),
    redirects: z
      .int()
      .min(0)
      .max(maxRedirects)
      .default(0)
      .describe('Redirects that are followed; each address is judged anew.'),
    addresses: z
      .enum(['any', 'public'])
      .default('any')
      .describe(
        'public: none of private networks or of this machine, also by redirects and names.',
      ),
  })
  .superRefine((setting, context) => {
    if (setting.format !== 'json' || setting.batch.records === 1) return
    const message = 'of format: json there is one record in a request; use json_array or ndjson'
    context.addIssue({ code: 'custom', path: ['format'], message })
  })

export const httpSink = defineSink({
  type: 'http',
  summary:
    'Sends records by HTTP. 5xx, 408, 425, 429 (with Retry-After) and no answer block the stage until the peer is back; 4xx refuses the record, or one of several, which is then found by sending fewer at a time. An answer can name records that failed: `{"failed": [{"index": 0, "message": "..."}]}`, or a list with a `status` for each.',
  config,
  examples: [
    { title: 'A request for each order', config: { url: 'https://example.com/orders' } },
    {
      title: 'Up to 500 in one request',
      config: {
        url: 'https://example.com/bulk',
        format: 'ndjson',
        batch: { records: 500, bytes: '2MiB' },
        headers: { authorization: 'Bearer ${secret:TOKEN}' },
      },
    },
  ],
  delivery: 'at_least_once',
  guarantee: ({ idempotency_key: hasKey, batch: { records } }) => ({
    guarantee: 'at_least_once',
    why: 'The peer has answered for all records first, then the position is committed.',
    afterCrash: 'The records since the last commit are sent again.',
    dropBy: dropBy(hasKey, records),
  }),
  remembers: false,
  singleTask: () => false,
  files: () => [],
  // What was sent is the peer's.
  reset: () => Promise.resolve(),
  create(setting, environment) {
    const { format, batch: limits, headers, idempotency_key: idempotencyKey } = setting
    return new HttpSink(
      {
        url: setting.url,
        method: setting.method,
        headers: Object.entries(headers),
        format: format ?? (limits.records > 1 ? 'json_array' : 'json'),
        maxRecords: limits.records,
        maxBytes: limits.bytes,
        concurrency: setting.concurrency,
        deadlineMs: setting.timeout,
        idempotencyKey,
        redirects: setting.redirects,
        addresses: setting.addresses,
      },
      environment,
    )
  },
})

function dropBy(hasKey: boolean, records: number): string {
  if (!hasKey) return 'a field of the record that identifies it; idempotency_key is false.'
  return records === 1
    ? 'the header Idempotency-Key, which a record has each time it is sent.'
    : 'a field of the record that identifies it: the Idempotency-Key is that of the records that go together, which can be others after a crash.'
}
