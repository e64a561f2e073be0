import type { MessageProperties } from 'amqplib'
import { describe, expect, it } from 'vitest'
import { encodeHeaders } from '../../../src/core/record-batch.ts'
import {
  jsonHeaders,
  messageParts,
  recordHeaders,
} from '../../../src/endpoints/rabbitmq/message-headers.ts'

function properties(some: object): MessageProperties {
  return { headers: undefined, ...some } as MessageProperties
}

describe('headers of messages and records', () => {
  it('become text, and numbers, lists, times and bytes keep their sense', () => {
    const headers = {
      text: 'é',
      number: 3,
      list: [1, null, 'x'],
      time: { '!': 'timestamp', value: 1_700_000_000 },
      amount: { '!': 'decimal', value: { digits: 1_250, places: 2 } },
      bytes: Buffer.from([1, 2]),
      none: null,
    }
    expect(recordHeaders(properties({ headers }))).toEqual(
      encodeHeaders([
        ['text', 'é'],
        ['number', '3'],
        ['list', '[1,null,"x"]'],
        ['time', '2023-11-14T22:13:20.000Z'],
        ['amount', '12.5'],
        ['bytes', Buffer.from([1, 2])],
        ['none', 'null'],
      ]),
    )
  })

  it('cannot be forged: names of the engine are left out', () => {
    const headers = { 'millrace-source': '{}', 'amqp-reply-to': 'elsewhere', mine: '1' }
    expect(recordHeaders(properties({ headers, replyTo: 'answers' }))).toEqual(
      encodeHeaders([
        ['mine', '1'],
        ['amqp-reply-to', 'answers'],
      ]),
    )
  })

  it('have no bytes where there are none', () => {
    expect(recordHeaders(properties({}))).toHaveLength(0)
  })

  it('take names that objects have without harm', () => {
    const headers = JSON.parse('{"__proto__":{"polluted":true},"constructor":"c"}') as object
    const json = jsonHeaders(headers)
    expect(Object.keys(json)).toEqual(['__proto__', 'constructor'])
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })

  it('go back into a message as headers and properties', () => {
    const parts = messageParts([
      ['amqp-correlation-id', Buffer.from('c-1')],
      ['millrace-reply-id', Buffer.from('token')],
      ['millrace-timing', Buffer.from('x')],
      ['__proto__', Buffer.from('y')],
      ['x'.repeat(256), Buffer.from('too long')],
      ['mine', Buffer.from('1')],
    ])
    expect(parts.properties).toEqual({ correlationId: 'c-1' })
    expect(Object.entries(parts.headers)).toEqual([
      ['__proto__', 'y'],
      ['mine', '1'],
    ])
  })
})
