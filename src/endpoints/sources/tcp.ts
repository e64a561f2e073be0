import { z } from 'zod'
import { duration, filePath, size } from '../../core/config-types.ts'
import { defineSource } from '../../core/endpoints.ts'
import { replySetting } from '../clients/replies.ts'
import { checkCsvFields, csvFields, csvOptionsOf } from '../formats/csv-config.ts'
import { CsvDecoder, frameFormats, PlainDecoder, type FrameDecoder } from '../tcp/frame-decoder.ts'
import type { Framing } from '../tcp/frame-input.ts'
import { TcpSource } from '../tcp/tcp-source.ts'

const defaultMaxClients = 10_000
const maxPort = 65_535
const maxDelimiter = 16

const config = z
  .strictObject({
    host: z
      .string()
      .min(1)
      .default('127.0.0.1')
      .describe('The address to listen on; 0.0.0.0 is every one of this machine.'),
    port: z.int().min(0).max(maxPort).describe('The port; 0 takes one that is free.'),
    tls: z
      .strictObject({
        cert: filePath().describe('The certificate with its chain, a PEM file.'),
        key: filePath().describe('Its private key, a PEM file.'),
        ca: filePath()
          .optional()
          .describe('Clients have to show a certificate of this authority, a PEM file.'),
      })
      .optional()
      .describe('Clients have to speak TLS.'),
    framing: z
      .union([
        z.enum(['line', 'length']),
        z.strictObject({
          delimiter: z
            .string()
            .min(1)
            .max(maxDelimiter)
            .transform(unescape)
            .describe('What ends a message; \\n, \\r, \\t and \\0 may be written so.'),
        }),
      ])
      .default('line')
      .describe(
        'line: messages end with \\n or \\r\\n; length: four bytes before each tell its length, the most significant one first. Replies are framed in the same way.',
      ),
    format: z
      .enum(frameFormats)
      .default('json')
      .describe(
        'json, ndjson: a blank message is left out; text, bytes: it is a record too; csv: each is a row, and the first row of a connection the header.',
      ),
    ...csvFields,
    max_frame: size()
      .prefault('1MiB')
      .describe(
        'Longest message. The client is told, and the first KiB (of framing length the length alone) is dead-lettered as RECORD_TOO_LARGE.',
      ),
    too_long: z
      .enum(['close', 'skip'])
      .default('close')
      .describe(
        'What follows a message that is too long: the connection is closed, or goes on behind it.',
      ),
    reply: replySetting
      .optional()
      .describe(
        'What clients are sent for each message, in their order, once it is stored; without it nothing.',
      ),
    max_clients: z
      .int()
      .min(1)
      .default(defaultMaxClients)
      .describe('Clients at one time; the next one is told and closed.'),
    max_clients_per_address: z
      .int()
      .min(1)
      .optional()
      .describe('The same of one address; by default as many as of all.'),
    idle_timeout: duration()
      .prefault('5m')
      .describe(
        'A client that completes no message, or takes none of its replies, for so long is closed. One whose messages wait is not.',
      ),
    buffer: size()
      .prefault('64MiB')
      .describe(
        'Memory of all clients together for what has come and is not taken yet. Where it is full nothing more is read; where only parts of messages fill it, the client with the largest is closed.',
      ),
    reply_buffer: size()
      .prefault('256KiB')
      .describe(
        'Replies that may wait for one client; with more of them nothing is taken from it.',
      ),
  })
  .superRefine((setting, context) => {
    checkCsvFields({ ...setting, format: setting.format === 'csv' ? 'csv' : 'text' }, context)
    if (2 * setting.max_frame <= setting.buffer) return
    const message = 'buffer, the memory of all clients, has to hold two messages of this size'
    context.addIssue({ code: 'custom', path: ['max_frame'], message })
  })

export const tcpSource = defineSource({
  type: 'tcp',
  summary:
    'Listens for clients that send messages over TCP or TLS, and replies to each once it is stored. In expressions, `source` has remote_ip, connection (a number) and line (of the connection).',
  config,
  examples: [
    {
      title: 'A line of JSON per message, each of them thanked for',
      config: { port: 9000, reply: 'Thank you for the data' },
    },
    {
      title: 'Messages behind their length, answered with their result',
      config: {
        host: '0.0.0.0',
        port: 9001,
        framing: 'length',
        max_frame: '64KiB',
        reply: { from: 'answers', timeout: '2s' },
      },
    },
  ],
  bounded: () => false,
  files: () => [],
  replayable: false,
  guarantee: ({ reply }) =>
    reply === undefined
      ? {
          guarantee: 'at_most_once',
          why: 'Without `reply` a client cannot know what was stored, and does not send it again.',
          afterCrash: 'What had come and was not yet committed is lost.',
          dropBy: null,
        }
      : {
          guarantee: 'at_least_once',
          why: 'A client gets its reply once the message is stored; it sends again what it got no reply for.',
          afterCrash:
            'A message that was stored, and whose reply was lost with the connection, is sent again.',
          dropBy: 'a field of the message that identifies it, by a `dedupe` step.',
        },
  create(setting, environment) {
    const maxClients = setting.max_clients
    const framing = framingOf(setting)
    return new TcpSource(
      {
        host: setting.host,
        port: setting.port,
        tls: setting.tls,
        framing,
        makeDecoder: () => decoderOf(setting, framing),
        reply: setting.reply,
        limits: { maxClients, maxPerAddress: setting.max_clients_per_address ?? maxClients },
        idleMs: setting.idle_timeout,
        bufferBytes: setting.buffer,
        replyBufferBytes: setting.reply_buffer,
      },
      environment,
    )
  },
})

type TcpConfig = z.output<typeof config>

function framingOf({ framing, max_frame: maxFrame, too_long: tooLong }: TcpConfig): Framing {
  const delimiter = typeof framing === 'object' ? framing.delimiter : '\n'
  return {
    delimiter: framing === 'length' ? null : Buffer.from(delimiter),
    maxFrame,
    skipsLong: tooLong === 'skip',
  }
}

function decoderOf(setting: TcpConfig, framing: Framing): FrameDecoder {
  if (setting.format !== 'csv') return new PlainDecoder(framing, setting.format)
  const csv = csvOptionsOf(setting)
  return new CsvDecoder(framing, {
    ...csv,
    delimiter: csv.delimiter ?? ',',
    columns: csv.header ? null : (csv.columns ?? []),
    maxRecord: framing.maxFrame,
    path: 'tcp',
  })
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', 0: '\0' }

function unescape(text: string): string {
  return text.replaceAll(/\\([nrt0])/g, (_, name: string) => escapes[name]!)
}
