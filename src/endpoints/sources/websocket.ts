import { z } from 'zod'
import { size } from '../../core/config-types.ts'
import { defineSource } from '../../core/endpoints.ts'
import { socketFields } from '../../core/push-settings.ts'
import { replySetting } from '../clients/replies.ts'
import { socketSettingOf } from '../websocket/socket-setting.ts'
import { SocketSource } from '../websocket/socket-source.ts'

const config = z.strictObject({
  ...socketFields,
  reply: replySetting
    .optional()
    .describe(
      'What clients are sent for each message, in their order, once it is stored; without it nothing.',
    ),
  buffer: size()
    .prefault('64MiB')
    .describe(
      'Memory of all clients together for messages that are not taken yet. Where it is full nothing more is read.',
    ),
  reply_buffer: size()
    .prefault('256KiB')
    .describe(
      'Bytes that may wait to be sent to one client; with more of them nothing is taken from it.',
    ),
})

export const websocketSource = defineSource({
  type: 'websocket',
  summary:
    'Takes messages of WebSocket clients, each as one record, and replies to each once it is stored. A websocket sink of the same path pushes to the same clients. In expressions, `source` has remote_ip, connection (a number), line (of the connection) and query. A traceparent of the opening request is that of all messages.',
  config,
  examples: [
    {
      title: 'Messages of a chat, which pages of one site may send',
      config: { port: 8080, path: '/chat', origins: ['https://chat.example.org'] },
    },
    {
      title: 'Messages that are thanked for, of clients with a secret',
      config: {
        port: 8080,
        path: '/readings',
        token: '${secret:READINGS_TOKEN}',
        reply: 'Thank you for ${value.id}',
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
    return new SocketSource(
      {
        setting: socketSettingOf(setting),
        reply: setting.reply,
        bufferBytes: setting.buffer,
        replyBufferBytes: setting.reply_buffer,
      },
      environment,
    )
  },
})
