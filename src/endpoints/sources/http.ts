import { z } from 'zod'
import { duration, size } from '../../core/config-types.ts'
import { defineSource } from '../../core/endpoints.ts'
import { checkCsvFields, csvFields, csvOptionsOf } from '../formats/csv-config.ts'
import { HttpSource } from '../receiving/http-source.ts'
import { resultSetting } from '../replies/result-setting.ts'

const maxPort = 65_535

const replySetting = resultSetting({
  timeout: '5s',
  late: 'the answer is 504',
  failed: 'is answered with 422',
})
  .optional()
  .describe('Answers with the result of the request instead of 202.')

const idempotency = z
  .strictObject({
    ttl: duration().prefault('24h').describe('How long a key is remembered.'),
    required: z
      .boolean()
      .default(false)
      .describe('Whether a request without a key is refused (400).'),
    max_keys: z.int().min(1).default(100_000).describe('Of more keys the oldest are forgotten.'),
  })
  .prefault({})
  .describe('A request with an `Idempotency-Key` that was accepted before gets the same answer.')

const config = z
  .strictObject({
    path: z
      .string()
      .regex(/^\/[^\s?#]*$/, 'a path begins with / and has neither spaces nor ? nor #')
      .describe('The path that takes requests (POST).')
      .meta({ examples: ['/orders'] }),
    port: z
      .int()
      .min(0)
      .max(maxPort)
      .describe('The port; several stages may share it with different paths. 0: any that is free.')
      .meta({ examples: [8080] }),
    host: z
      .string()
      .min(1)
      .default('127.0.0.1')
      .describe('The address to listen on; 0.0.0.0 for all of this machine.'),
    format: z
      .enum(['auto', 'json', 'json_array', 'ndjson', 'csv', 'text', 'bytes'])
      .default('auto')
      .describe(
        'auto: as content-type says, JSON where there is none, of which an array is many records; json: one record, whatever it is.',
      ),
    ...csvFields,
    max_body: size().prefault('1MiB').describe('Largest body, also after decompression; else 413.'),
    token: z
      .string()
      .min(1)
      .optional()
      .describe('Who sends has to know it (`Authorization: Bearer`); else 401.')
      .meta({ examples: ['${secret:ORDERS_TOKEN}'] }),
    idempotency,
    reply: replySetting,
    max_waiting: z
      .int()
      .min(1)
      .default(10_000)
      .describe('Requests that wait to be stored; more are answered with 429.'),
    max_waiting_bytes: size()
      .prefault('64MiB')
      .describe('Bytes of bodies that wait or are on their way; with more the answer is 429.'),
    timeout: duration()
      .prefault('30s')
      .describe('How long a request waits to be stored, such as while the disk is full; then 503.'),
  })
  .superRefine((setting, context) => {
    const { format } = setting
    const isCsv = format === 'csv' || format === 'auto'
    checkCsvFields({ ...setting, format: isCsv ? undefined : 'ndjson' }, context)
  })

export const httpSource = defineSource({
  type: 'http',
  summary:
    'Takes records by HTTP: one, many or CloudEvents in a request (POST), which is answered with 202 once all of them are stored, or with their result. In expressions, `source` has path, query, headers, remote_ip and line (the number of the record in its request).',
  config,
  examples: [
    { title: 'Orders as JSON', config: { path: '/orders', port: 8080 } },
    {
      title: 'The result as the answer',
      config: {
        path: '/check',
        port: 8080,
        reply: { from: 'orders.checked', timeout: '2s', dead_letters: 'orders.check.dlq' },
      },
    },
  ],
  bounded: () => false,
  files: () => [],
  replayable: false,
  guarantee: ({ idempotency: { required } }) => ({
    guarantee: required ? 'effectively_once' : 'at_least_once',
    why: 'A request is answered once its records are committed, together with its Idempotency-Key. Who gets no answer sends it again, and under the same key it is stored once.',
    afterCrash: required
      ? null
      : 'What was not answered may be stored or not; sent again without an Idempotency-Key it comes twice.',
    dropBy: required ? null : 'the header Idempotency-Key of requests, if clients send one.',
  }),
  create(setting, environment, positions) {
    const { host, port, path, format, max_body: maxBody, token = null, reply } = setting
    return new HttpSource(
      {
        host,
        port,
        path,
        format,
        csv: csvOptionsOf(setting),
        maxBody,
        token,
        needsKey: setting.idempotency.required,
        queue: { requests: setting.max_waiting, bytes: setting.max_waiting_bytes },
        timeoutMs: setting.timeout,
        keys: { ttlMs: setting.idempotency.ttl, maxKeys: setting.idempotency.max_keys },
        reply: reply ?? null,
      },
      environment,
      positions,
    )
  },
})
