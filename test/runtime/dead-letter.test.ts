import { describe, expect, it } from 'vitest'
import { RecordFailure } from '../../src/core/errors.ts'
import { RecordBatchBuilder } from '../../src/core/record-batch-builder.ts'
import { encodeHeaders, nullHeaderValue, type Header } from '../../src/core/record-batch.ts'
import { contentBytes, deadLetter, lateHeaders } from '../../src/runtime/dead-letter.ts'

const origin = {
  stage: 'clean',
  topic: 'orders.raw',
  partition: 2,
  offset: 41,
  mask: (text: string) => text,
}

function deadLetterHeaders(
  original: readonly Header[],
  why: RecordFailure,
  of: typeof origin | { readonly topic: null },
): Uint8Array {
  const record = { key: null, value: null, headers: encodeHeaders(original) }
  return deadLetter(record, why, { ...origin, ...of, maxBytes: Infinity, context: null })!.headers
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
    const facts = texts(deadLetterHeaders([], failure('x', null), { topic: null }))
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

  it('keep names that are no UTF-8, and values that are null, byte for byte', () => {
    const encoded = Buffer.from(
      encodeHeaders([
        ['??', Buffer.from('1')],
        ['b', nullHeaderValue],
      ]),
    )
    encoded.set([0xc3, 0x28], encoded.indexOf('??'))
    for (const headers of [
      deadLetter({ key: null, value: null, headers: encoded }, failure(), {
        ...origin,
        maxBytes: Infinity,
        context: null,
      })!.headers,
      lateHeaders(encoded, origin),
    ]) {
      const original = Buffer.from(headers).subarray(2, encoded.length)
      expect(Buffer.compare(original, encoded.subarray(2))).toBe(0)
      expect(decoded(headers)[1]![1]).toBe(nullHeaderValue)
    }
  })

  it('say of a late record where it came from', () => {
    expect(texts(lateHeaders(encodeHeaders([['a', Buffer.from('1')]]), origin))).toEqual([
      'a=1',
      'millrace-late-stage=clean',
      'millrace-late-topic=orders.raw',
      'millrace-late-partition=2',
      'millrace-late-offset=41',
    ])
  })
})

describe('a dead letter that its topic has no room for', () => {
  const record = {
    key: Buffer.alloc(300, 'k'),
    value: 'v'.repeat(5_000),
    headers: encodeHeaders([['a', Buffer.alloc(1_000)]]),
  }
  const letter = (maxBytes: number) =>
    deadLetter(record, failure(), { ...origin, maxBytes, context: null })

  it.each([
    [10_000, []],
    [5_000, ['value (5000 bytes)']],
    [800, ['value (5000 bytes)', 'headers (1009 bytes)']],
    [450, ['value (5000 bytes)', 'headers (1009 bytes)', 'key (300 bytes)']],
  ])('goes without what it must, within %i bytes, and says so', (maxBytes, omitted) => {
    const found = letter(maxBytes)!
    expect(contentBytes(found)).toBeLessThanOrEqual(maxBytes)
    const said = texts(found.headers).find((each) => each.startsWith('millrace-dlq-omitted='))
    expect(said?.split('=')[1]?.split(', ') ?? []).toEqual(omitted)
    expect(texts(found.headers)).toContain('millrace-dlq-offset=41')
    if (omitted.length === 0) expect(found.value).toBe(record.value)
  })

  it('is none where not even the reason has room', () => {
    expect(letter(100)).toBeNull()
  })
})
