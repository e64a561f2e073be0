import { describe, expect, it } from 'vitest'
import { RecordFailure } from '../../src/core/errors.ts'
import { RecordBatchBuilder } from '../../src/core/record-batch-builder.ts'
import type { Header } from '../../src/core/record-batch.ts'
import { deadLetterHeaders, lateHeaders } from '../../src/runtime/dead-letter.ts'

const origin = {
  stage: 'clean',
  topic: 'orders.raw',
  partition: 2,
  offset: 41,
  mask: (text: string) => text,
}

function decoded(headers: Uint8Array): Header[] {
  const builder = new RecordBatchBuilder('')
  const times = { timestampMs: 0, eventTimeMs: 0, ingestUs: 0, waitUs: 0, runUs: 0 }
  builder.append({ key: null, value: null, headers, times })
  return builder.finish().headers(0)
}

function texts(headers: Uint8Array): string[] {
  return decoded(headers).map(([name, value]) => `${name}=${Buffer.from(value).toString()}`)
}

function failure(
  message = 'amount: "n/a" is no number',
  step: string | null = 'cast',
): RecordFailure {
  const made = new RecordFailure('RECORD_CAST', message)
  made.step = step
  return made
}

describe('dead-letter headers', () => {
  it('say where, why and of what origin, behind the original headers', () => {
    expect(
      texts(deadLetterHeaders([['traceparent', Buffer.from('00-1')]], failure(), origin)),
    ).toEqual([
      'traceparent=00-1',
      'millrace-dlq-stage=clean',
      'millrace-dlq-step=cast',
      'millrace-dlq-code=RECORD_CAST',
      'millrace-dlq-message=amount: "n/a" is no number',
      'millrace-dlq-attempts=1',
      'millrace-dlq-topic=orders.raw',
      'millrace-dlq-partition=2',
      'millrace-dlq-offset=41',
    ])
  })

  it('keep original headers byte for byte, in order and with repeated and odd names', () => {
    const odd: Header[] = [
      ['__proto__', Buffer.from([0, 255, 254])],
      ['', Buffer.from('')],
      ['a', Buffer.from('1')],
      ['a', Buffer.from('2')],
      ['millrace-dlq-stage', Buffer.from('an earlier failure')],
      ['ключ 🔑', Buffer.from([0xc3, 0x28])],
    ]
    const kept = decoded(deadLetterHeaders(odd, failure(), origin)).slice(0, odd.length)
    expect(kept.map(([name, value]) => [name, [...value]])).toEqual(
      odd.map(([name, value]) => [name, [...value]]),
    )
  })

  it('leave out what is not known: no step at a decode failure, no origin outside of topics', () => {
    const facts = texts(
      deadLetterHeaders([], failure('x', null), { ...origin, topic: null, offset: null }),
    )
    expect(facts.map((fact) => fact.split('=')[0])).toEqual([
      'millrace-dlq-stage',
      'millrace-dlq-code',
      'millrace-dlq-message',
      'millrace-dlq-attempts',
    ])
  })

  it('cut a message that is as long as the record may be', () => {
    const headers = deadLetterHeaders([], failure('x'.repeat(10_000_000)), origin)
    expect(headers.length).toBeLessThan(2_000)
  })

  it('hide secrets in the message, before it is cut', () => {
    const long = `${'x'.repeat(995)}s3cret-token`
    const mask = (text: string) => text.replaceAll('s3cret-token', '***')
    const headers = deadLetterHeaders([], failure(long), { ...origin, mask })
    expect(Buffer.from(headers).toString('latin1')).not.toContain('s3cr')
  })

  it('say of a late record where it came from', () => {
    expect(texts(lateHeaders([['a', Buffer.from('1')]], origin))).toEqual([
      'a=1',
      'millrace-late-stage=clean',
      'millrace-late-topic=orders.raw',
      'millrace-late-partition=2',
      'millrace-late-offset=41',
    ])
  })
})
