import { describe, expect, it } from 'vitest'
import { cloudEventOf, encodeCloudEvent, storedEventOf } from '../../src/core/cloud-event.ts'
import type { HookEvent } from '../../src/core/hook.ts'
import { decodeJson, encodeJson, type JsonObject } from '../../src/core/json.ts'

describe('a stored event', () => {
  const event: HookEvent = {
    id: 'e1',
    event: 'window_closed',
    pipeline: 'p',
    stage: 's',
    timeMs: 5,
    data: { key: 'NL', trace_id: 'ab'.repeat(16), span_id: 'cd'.repeat(8) },
    value: { total: decodeJson('12345678901234567890') },
  }

  it('is what it was, numbers that no double holds included', () => {
    const text = encodeJson(cloudEventOf(event))
    expect(text).toContain('12345678901234567890')
    const stored = storedEventOf(text)!
    expect(encodeJson(stored.event as unknown as JsonObject)).toBe(
      encodeJson(event as unknown as JsonObject),
    )
    expect(stored.span).toBeNull()
  })

  it('says which span it was told of, where that is exported', () => {
    const stored = storedEventOf(encodeJson(cloudEventOf(event, true)))!
    expect(stored.span).toEqual({ traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8) })
  })

  it('is null of what somebody else has written', () => {
    const whole = cloudEventOf(event)
    for (const text of [
      null,
      '',
      '{',
      '[]',
      'null',
      '{"id":1}',
      encodeJson({ ...whole, data: null }),
      encodeJson({ ...whole, data: { event: { event: 'toString', pipeline: 'p', stage: 's' } } }),
      encodeJson({ ...whole, data: { event: { event: 'record_late', pipeline: 'p', stage: 1 } } }),
      encodeJson({
        ...whole,
        data: { event: { event: 'record_late', pipeline: 'p', stage: 's', time: 'soon' } },
      }),
    ])
      expect(storedEventOf(text), String(text)).toBeNull()
  })

  it('keeps the prototype of its facts where a name tries to reach it', () => {
    const text = encodeJson(cloudEventOf(event)).replace('"key":"NL"', '"__proto__":{"bad":1}')
    const { data } = storedEventOf(text)!.event
    expect((data as { bad?: unknown }).bad).toBeUndefined()
    expect(({} as { bad?: unknown }).bad).toBeUndefined()
  })
})

describe('an event that is larger than its topic takes', () => {
  it('goes without the value, and says how large that was', () => {
    const event: HookEvent = {
      id: 'e1',
      event: 'record_failed',
      pipeline: 'p',
      stage: 's',
      timeMs: 0,
      data: { code: 'RECORD_CAST', message: 'x'.repeat(500), topic: 'a', partition: 0, offset: 1 },
      value: { text: 'y'.repeat(5_000) },
    }
    const without = decodeJson(encodeCloudEvent(event, false, 2_000)) as JsonObject
    expect(without['data']).toMatchObject({
      event: { code: 'RECORD_CAST', value_omitted_bytes: 5_011 },
      value: null,
    })
    const least = decodeJson(encodeCloudEvent(event, false, 700)) as JsonObject
    const { event: facts } = least['data'] as { event: JsonObject }
    expect(facts).toMatchObject({ code: 'RECORD_CAST', offset: 1 })
    expect(facts['message']).toBeUndefined()
  })
})
