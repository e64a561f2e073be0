import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  emptyBytes,
  encodeHeaders,
  type Header,
  nullHeaderValue,
  RecordBatch,
  type WrittenHeader,
} from '../../src/core/record-batch.ts'
import { RecordBatchBuilder } from '../../src/core/record-batch-builder.ts'
import {
  findTraceparent,
  flagsOf,
  traceContextOf,
  validTraceState,
  withTraceContext,
} from '../../src/core/trace-context.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const spanId = '00f067aa0ba902b7'
const valid = `00-${traceId}-${spanId}-01`

const contextOf = (...headers: WrittenHeader[]) => traceContextOf(encodeHeaders(headers))
const flagsIn = (value: string) => contextOf(['traceparent', value])?.flags ?? null

describe('the trace context of a record', () => {
  it('is read from its headers, wherever they stand', () => {
    expect(
      contextOf(
        ['a', 'b'],
        ['tracestate', 'vendor=1,other=2'],
        ['traceparent', valid],
        ['z', new Uint8Array(0)],
      ),
    ).toEqual({ traceId, spanId, flags: 1, state: 'vendor=1,other=2' })
  })

  it('is not there without headers, or without that header', () => {
    expect(traceContextOf(new Uint8Array(0))).toBeNull()
    expect(contextOf(['tracestate', 'a=b'], ['traceparentx', valid])).toBeNull()
  })

  it.each([
    ['upper-case digits', `00-${traceId.toUpperCase()}-${spanId}-01`],
    ['an upper-case span id', `00-${traceId}-${spanId.toUpperCase()}-01`],
    ['a trace id of zeros', `00-${'0'.repeat(32)}-${spanId}-01`],
    ['a span id of zeros', `00-${traceId}-${'0'.repeat(16)}-01`],
    ['the version ff', `ff-${traceId}-${spanId}-01`],
    ['an upper-case version', `0A-${traceId}-${spanId}-01`],
    ['more than version 00 has', `${valid}-more`],
    ['more than version 00 has, without a dash', `${valid}0`],
    ['a future version with something glued to it', `01-${traceId}-${spanId}-01x`],
    ['a short trace id', `00-${traceId.slice(1)}-${spanId}-01`],
    ['a space before it', ` ${valid}`],
    ['other separators', valid.replaceAll('-', '_')],
    ['no digits', `00-${'g'.repeat(32)}-${spanId}-01`],
    ['flags that are no digits', `00-${traceId}-${spanId}-0g`],
    ['nothing', ''],
    ['a value that ends too early', valid.slice(0, -1)],
  ])('is not there where the header has %s', (_what, value) => {
    expect(contextOf(['traceparent', value])).toBeNull()
  })

  it('is read of a future version, however much more that has', () => {
    expect(flagsIn(`01-${traceId}-${spanId}-01`)).toBe(1)
    expect(flagsIn(`cc-${traceId}-${spanId}-01-what-the-future-brings`)).toBe(1)
    expect(flagsIn(`fe-${traceId}-${spanId}-00-${'x'.repeat(1_000_000)}`)).toBe(0)
  })

  it('keeps the flags that are known and forgets others', () => {
    expect(flagsIn(`00-${traceId}-${spanId}-00`)).toBe(0)
    expect(flagsIn(`00-${traceId}-${spanId}-03`)).toBe(3)
    expect(flagsIn(`00-${traceId}-${spanId}-ff`)).toBe(3)
  })

  it('is that of the last header, as Kafka clients take it, also when that one is broken', () => {
    const other = `00-${'a'.repeat(32)}-${spanId}-00`
    expect(contextOf(['traceparent', other], ['traceparent', valid])?.traceId).toBe(traceId)
    expect(contextOf(['traceparent', valid], ['traceparent', 'broken'])).toBeNull()
    expect(contextOf(['traceparent', valid], ['traceparent', new Uint8Array(0)])).toBeNull()
  })

  it('is that of CloudEvents where there is no other', () => {
    expect(contextOf(['ce_traceparent', valid])?.traceId).toBe(traceId)
    const other = `00-${'a'.repeat(32)}-${spanId}-01`
    expect(contextOf(['ce_traceparent', valid], ['traceparent', other])?.traceId).toBe(
      'a'.repeat(32),
    )
  })

  it('is found under a name in upper case', () => {
    expect(contextOf(['TraceParent', valid], ['TRACESTATE', 'a=b'])?.state).toBe('a=b')
  })

  it('is found in the middle of a batch without a copy', () => {
    const builder = new RecordBatchBuilder('')
    const times = { timestampMs: 0, eventTimeMs: 0, ingestUs: 0, waitUs: 0, runUs: 0 }
    for (const value of [`00-${traceId}-${spanId}-00`, valid])
      builder.append({
        key: 'k',
        value: 'v',
        headers: encodeHeaders([['traceparent', value]]),
        times,
      })
    const { layout } = new RecordBatch(builder.finish().bytes)
    const at = findTraceparent(layout.data, layout.valueEnd[1]!, layout.headersEnd[1]!)
    expect(flagsOf(layout.data, at)).toBe(1)
    expect(findTraceparent(layout.data, layout.valueEnd[0]!, layout.headersEnd[0]!)).not.toBe(at)
  })

  it('never makes an error, whatever the headers hold', () => {
    const header = fc.tuple(
      fc.oneof(fc.constantFrom('traceparent', 'tracestate', 'ce_traceparent'), fc.string()),
      fc.oneof(fc.uint8Array({ maxLength: 80 }), fc.constant(Buffer.from(valid))),
    )
    fc.assert(
      fc.property(fc.array(header, { maxLength: 5 }), (headers) => {
        const context = contextOf(...headers)
        expect(context === null || /^[0-9a-f]{32}$/.test(context.traceId)).toBe(true)
      }),
    )
  })

  it('survives being written and read', () => {
    const id = (length: number) =>
      fc
        .string({
          unit: fc.constantFrom(...Array.from('0123456789abcdef')),
          minLength: length,
          maxLength: length,
        })
        .filter((text) => !/^0+$/.test(text))
    fc.assert(
      fc.property(id(32), id(16), fc.integer({ min: 0, max: 3 }), (trace, span, flags) => {
        const context = { traceId: trace, spanId: span, flags, state: 'a=b' }
        expect(traceContextOf(withTraceContext(emptyBytes, context))).toEqual(context)
      }),
    )
  })
})

function decoded(headers: Uint8Array): Header[] {
  const builder = new RecordBatchBuilder('')
  const times = { timestampMs: 0, eventTimeMs: 0, ingestUs: 0, waitUs: 0, runUs: 0 }
  builder.append({ key: null, value: null, headers, times })
  return builder.finish().headers(0)
}

describe('a trace context that is written', () => {
  const context = { traceId, spanId, flags: 1, state: 'a=b' }
  const bytes = (text: string) => Buffer.from(text)

  it('replaces the one that was there, and leaves all other headers as they were', () => {
    const headers = withTraceContext(
      encodeHeaders([
        ['x', bytes('1')],
        ['Traceparent', bytes('old')],
        ['x', bytes('2')],
        ['tracestate', bytes('old=1')],
        ['ce_traceparent', bytes('of the event')],
      ]),
      context,
    )
    expect(decoded(headers).map(([name, value]) => [name, String(value)])).toEqual([
      ['x', '1'],
      ['x', '2'],
      ['ce_traceparent', 'of the event'],
      ['traceparent', valid],
      ['tracestate', 'a=b'],
    ])
  })

  it('has no empty tracestate', () => {
    expect(withTraceContext(emptyBytes, { ...context, state: '' })).toEqual(
      encodeHeaders([['traceparent', valid]]),
    )
  })

  it('is all that is left of headers that held nothing else', () => {
    const old = encodeHeaders([
      ['tracestate', 'old=1'],
      ['traceparent', bytes('old')],
    ])
    expect(withTraceContext(old, { ...context, state: '' })).toEqual(
      encodeHeaders([['traceparent', valid]]),
    )
  })

  it('leaves names that are no UTF-8 and values that are null as they were, byte for byte', () => {
    const odd = Buffer.from(
      encodeHeaders([
        ['??', bytes('1')],
        ['traceparent', bytes('old')],
        ['b', nullHeaderValue],
      ]),
    )
    odd.set([0xc3, 0x28], odd.indexOf('??'))
    const old = odd.indexOf('traceparent') - 2
    const others = Buffer.concat([odd.subarray(2, old), odd.subarray(old + 2 + 11 + 4 + 3)])
    const written = Buffer.from(withTraceContext(odd, context))
    expect(written.subarray(2, 2 + others.length)).toEqual(others)
    expect(written.readUInt16LE(0)).toBe(4)
    expect(traceContextOf(written)).toEqual(context)
  })

  it('leaves all other headers as they were, whatever they are', () => {
    const name = fc.oneof(fc.constantFrom('traceparent', 'TraceState', 'a'), fc.string())
    const value = fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.constant(nullHeaderValue))
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 6 }), (headers) => {
        const others = headers.filter(([each]) => !/^trace(?:parent|state)$/i.test(each))
        const expected = encodeHeaders([...others, ['traceparent', valid], ['tracestate', 'a=b']])
        expect(withTraceContext(encodeHeaders(headers), context)).toEqual(expected)
      }),
    )
  })
})

describe('a tracestate', () => {
  it('stays as it is, but for spaces and empty members', () => {
    expect(validTraceState('rojo=1,t61@congo=2')).toBe('rojo=1,t61@congo=2')
    expect(validTraceState(' rojo=1 ,\t, congo=a b')).toBe('rojo=1,congo=a b')
  })

  it('of several headers is one list', () => {
    expect(
      contextOf(['tracestate', 'a=1'], ['traceparent', valid], ['tracestate', 'b=2'])?.state,
    ).toBe('a=1,b=2')
  })

  it.each([
    ['no value', 'a'],
    ['an upper-case key', 'Rojo=1'],
    ['a key that begins with a mark', '_a=1'],
    ['a key of 257 characters', `${'a'.repeat(257)}=1`],
    ['a value of 257 characters', `a=${'b'.repeat(257)}`],
    ['an equals sign in a value', 'a=b=c'],
    ['other than ASCII', 'a=ä'],
    ['a key twice', 'a=1,a=2'],
    ['33 members', Array.from({ length: 33 }, (_, index) => `k${index}=1`).join(',')],
  ])('with %s is left out as a whole, and the trace goes on', (_what, state) => {
    expect(validTraceState(state)).toBe('')
    expect(contextOf(['traceparent', valid], ['tracestate', state])?.state).toBe('')
  })

  it('may have 32 members', () => {
    const state = Array.from({ length: 32 }, (_, index) => `k${index}=1`).join(',')
    expect(validTraceState(state)).toBe(state)
  })

  it('longer than 512 characters loses long members first, then the last ones', () => {
    const long = `long=${'x'.repeat(200)}`
    const short = Array.from({ length: 20 }, (_, index) => `k${index}=${'y'.repeat(14)}`)
    expect(validTraceState([long, ...short].join(','))).toBe(short.join(','))
    const many = Array.from({ length: 30 }, (_, index) => `k${index}=${'y'.repeat(20)}`)
    const kept = validTraceState(many.join(','))
    expect(kept.length).toBeLessThanOrEqual(512)
    expect(many.join(',').startsWith(kept)).toBe(true)
  })

  it('of a megabyte is not even looked at', () => {
    const state = `a=${'b'.repeat(1_000_000)}`
    expect(contextOf(['traceparent', valid], ['tracestate', state])?.state).toBe('')
  })
})
