import { describe, expect, it } from 'vitest'
import type { Header } from '../../src/core/record-batch.ts'
import type { PipelineDriver } from '../../src/simulation/pipeline-driver.ts'
import {
  at,
  drive,
  inTopic,
  json,
  raw,
  stageOf,
  startMs,
  valuesOf,
} from '../simulation/pipeline-fixture.ts'

function clean(...lines: readonly string[]): string {
  return ['pipeline: p', 'stages:', '  - name: clean', ...lines.map((line) => `    ${line}`)].join(
    '\n',
  )
}

const castAmount = clean('from: raw', 'steps:', '  - cast:', '      amount: number', 'to: out')

async function dlqBytes(driver: PipelineDriver, topic: string) {
  return (await driver.stored(topic)).flatMap((batch) =>
    Array.from({ length: batch.count }, (_, index) => ({
      key: copyOf(batch.key(index)),
      value: copyOf(batch.value(index)),
      headers: batch.headers(index).filter(([name]) => !name.startsWith('millrace-dlq-')),
    })),
  )
}

function copyOf(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString('hex')
}

describe('a record that fails', () => {
  it.each([
    ['broken JSON', '{"amount": '],
    ['an empty text', ''],
    ['no JSON at all', '\u0000\u0001'],
    ['a replacement character in broken JSON', '{"a":"\uFFFD"'],
    ['100,000 levels of lists', '['.repeat(100_000) + ']'.repeat(100_000)],
    ['100,000 levels of objects', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`],
    [
      'a wrong type under __proto__ names',
      '{"__proto__":{"amount":1},"amount":"x","constructor":2}',
    ],
    ['a huge number in the wrong place', '{"amount":"1e999999999"}'],
  ])('is dead-lettered with its bytes as they came: %s', async (_what, value) => {
    const driver = await drive(castAmount)
    const headers: Header[] = [
      ['__proto__', Buffer.from([255, 0])],
      ['', Buffer.from('')],
      ['twice', Buffer.from('1')],
      ['twice', Buffer.from('2')],
    ]
    await driver.send('raw', [raw(value, { key: 'k\u0000ö', headers })])
    const [letter] = await dlqBytes(driver, 'p.clean.dlq')
    expect(letter).toMatchObject({
      key: Buffer.from('k\u0000ö').toString('hex'),
      value: Buffer.from(value).toString('hex'),
    })
    const trace = letter!.headers.at(-1)!
    expect(letter!.headers.slice(0, -1).map(([name, bytes]) => [name, [...bytes]])).toEqual(
      headers.map(([name, bytes]) => [name, [...bytes]]),
    )
    // Not sampled: nobody asked for spans. The id is there all the same, to look for.
    expect([trace[0], Buffer.from(trace[1]).toString()]).toEqual([
      'traceparent',
      expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-02$/),
    ])
    expect(await inTopic(driver, 'out')).toEqual([])
    await driver.close()
  })

  it('keeps a null key and a null value null', async () => {
    const driver = await drive(
      clean('from: raw', 'steps:', '  - require: value != null', 'to: out'),
    )
    await driver.send('raw', [raw(null), raw(null, { key: '' })])
    expect(await dlqBytes(driver, 'p.clean.dlq')).toMatchObject([
      { key: null, value: null },
      { key: '', value: null },
    ])
    await driver.close()
  })

  it('says in its headers where, why and of what origin', async () => {
    const driver = await drive(castAmount, { partitions: 1 })
    await driver.send('raw', [json({ amount: 1 }), json({ amount: 'n/a' }), raw('{')])
    const letters = await inTopic(driver, 'p.clean.dlq')
    expect(letters.map(({ facts }) => facts)).toMatchObject([
      {
        'millrace-dlq-stage': 'clean',
        'millrace-dlq-step': 'cast',
        'millrace-dlq-code': 'RECORD_CAST',
        'millrace-dlq-attempts': '1',
        'millrace-dlq-topic': 'raw',
        'millrace-dlq-partition': '0',
        'millrace-dlq-offset': '1',
      },
      { 'millrace-dlq-code': 'RECORD_DECODE', 'millrace-dlq-offset': '2' },
    ])
    expect(letters[1]!.facts).not.toHaveProperty('millrace-dlq-step')
    expect(valuesOf(await inTopic(driver, 'out'))).toEqual([{ amount: 1 }])
    await driver.close()
  })

  it('names no step when it is the event time that fails, whatever step came before', async () => {
    const driver = await drive(
      clean(
        'from: raw',
        'event_time: value.ts',
        'steps:',
        '  - cast:',
        '      amount: number',
        '  - dedupe:',
        '      by: value.amount',
        'to: out',
      ),
    )
    await driver.send('raw', [json({ amount: 1, ts: 'soon' })])
    const [letter] = await inTopic(driver, 'p.clean.dlq')
    expect(letter!.facts['millrace-dlq-code']).toBe('RECORD_EVENT_TIME')
    expect(letter!.facts).not.toHaveProperty('millrace-dlq-step')
    await driver.close()
  })

  it('is counted and dropped with on_error: skip', async () => {
    const driver = await drive(
      clean('from: raw', 'on_error: skip', 'steps:', '  - require: value.ok', 'to: out'),
    )
    await driver.send('raw', [json({ ok: false }), json({ ok: true })])
    expect(await inTopic(driver, 'p.clean.dlq')).toEqual([])
    expect((await stageOf(driver, 'clean')).dispositions).toMatchObject({ skipped: 1, emitted: 1 })
    await driver.close()
  })

  it('stops the pipeline with on_error: stop, and nothing of its slice is kept', async () => {
    const driver = await drive(
      clean('from: raw', 'on_error: stop', 'steps:', '  - require: value.ok', 'to: out'),
      { partitions: 1 },
    )
    await driver.send('raw', [json({ ok: true })])
    await expect(
      driver.send('raw', [json({ ok: true }), json({ ok: false })]),
    ).rejects.toMatchObject({ code: 'STAGE_STOPPED' })
    expect(await inTopic(driver, 'out')).toHaveLength(1)
    const [pipeline] = (await driver.report()).pipelines
    expect(pipeline).toMatchObject({ outcome: 'failed', error: { code: 'STAGE_STOPPED' } })
  })

  it('leaves none of its results behind', async () => {
    const driver = await drive(
      clean('from: raw', 'steps:', '  - split: value', '  - require: value < 3', 'to: out'),
    )
    await driver.send('raw', [json([1, 2, 3]), json([1])])
    expect(valuesOf(await inTopic(driver, 'out'))).toEqual([1])
    expect(valuesOf(await inTopic(driver, 'p.clean.dlq'))).toEqual([[1, 2, 3]])
    await driver.close()
  })

  it('leaves no trace in state: what a later step fails was not seen by dedupe', async () => {
    const driver = await drive(
      clean(
        'from: raw',
        'steps:',
        '  - dedupe:',
        '      by: value.id',
        '  - require: value.ok',
        'to: out',
      ),
      { partitions: 1 },
    )
    await driver.send('raw', [
      json({ id: 1, ok: false }),
      json({ id: 1, ok: true }),
      json({ id: 1, ok: true }),
    ])
    expect(valuesOf(await inTopic(driver, 'out'))).toEqual([{ id: 1, ok: true }])
    expect((await stageOf(driver, 'clean')).dispositions).toMatchObject({
      dead_lettered: 1,
      emitted: 1,
      deduplicated: 1,
    })
    await driver.close()
  })

  it('is not failed by a step whose `if` is false', async () => {
    const driver = await drive(
      clean(
        'from: raw',
        'steps:',
        '  - cast:',
        '      amount: number',
        "    if: value.kind == 'order'",
        '  - set:',
        '      seen: true',
        'to: out',
      ),
    )
    await driver.send('raw', [
      json({ kind: 'note', amount: 'x' }),
      json({ kind: 'order', amount: '5' }),
      json({ amount: 'y' }),
    ])
    expect(valuesOf(await inTopic(driver, 'out'))).toEqual(
      expect.arrayContaining([
        { kind: 'note', amount: 'x', seen: true },
        { kind: 'order', amount: 5, seen: true },
        { amount: 'y', seen: true },
      ]),
    )
    await driver.close()
  })

  it('goes to the topic that `dlq` names', async () => {
    const driver = await drive(
      clean('from: raw', 'dlq: all.bad', 'steps:', '  - require: value.ok', 'to: out'),
    )
    await driver.send('raw', [json({})])
    expect(await inTopic(driver, 'all.bad')).toHaveLength(1)
    await driver.close()
  })
})

describe('a record that fails by its time, or a result', () => {
  it('is the window result itself when it fails behind the aggregate; its inputs stay absorbed', async () => {
    const driver = await drive(
      clean(
        'from: raw',
        'event_time: value.ts',
        'steps:',
        '  - aggregate:',
        '      window: { tumbling: 10s }',
        '      by: value.c',
        '      fields: { n: count() }',
        '  - require: value.n < 3',
        'to: out',
      ),
      { partitions: 1 },
    )
    const three = [1, 2, 3].map((second) => json({ c: 'many', ts: at(second) }))
    await driver.send('raw', [
      ...three,
      json({ c: 'few', ts: at(4) }),
      json({ c: 'few', ts: at(20) }),
    ])
    expect((await inTopic(driver, 'out')).map(({ key }) => key)).toEqual(['few'])
    const [letter] = await inTopic(driver, 'p.clean.dlq')
    expect(letter).toMatchObject({
      key: 'many',
      value: { c: 'many', n: 3, window_start: at(0), window_end: at(10) },
    })
    expect(letter!.facts).toMatchObject({
      'millrace-dlq-step': 'require',
      'millrace-dlq-code': 'RECORD_REQUIRED',
    })
    expect(letter!.facts).not.toHaveProperty('millrace-dlq-offset')
    const report = await stageOf(driver, 'clean')
    expect(report).toMatchObject({
      n: 5,
      made: 1,
      madeDeadLettered: 1,
      dispositions: { absorbed: 5, dead_lettered: 0 },
    })
    await driver.close()
  })

  it('is a failed window result that is counted and dropped with on_error: skip, or stops the pipeline', async () => {
    const failing = (onError: string) =>
      clean(
        'from: raw',
        'event_time: value.ts',
        `on_error: ${onError}`,
        'steps:',
        '  - aggregate:',
        '      window: { tumbling: 10s }',
        '      by: value.c',
        '      fields: { n: count() }',
        '  - require: value.n > 1',
        'to: out',
      )
    const input = [json({ c: 'a', ts: at(1) }), json({ c: 'a', ts: at(20) })]
    const skipping = await drive(failing('skip'), { partitions: 1 })
    await skipping.send('raw', input)
    expect(await inTopic(skipping, 'p.clean.dlq')).toEqual([])
    expect((await stageOf(skipping, 'clean')).reasons).toEqual({ RECORD_REQUIRED: 1 })
    await skipping.close()
    const stopping = await drive(failing('stop'), { partitions: 1 })
    await expect(stopping.send('raw', input)).rejects.toMatchObject({ code: 'STAGE_STOPPED' })
  })

  it('is told of by events, with what was wrong and the value', async () => {
    const driver = await drive(castAmount, { partitions: 1 })
    await driver.send('raw', [json({ amount: 'n/a' }), raw('{')])
    const told = driver.events.filter(
      ({ event }) => event === 'record_failed' || event === 'record_dead_lettered',
    )
    expect(told).toMatchObject([
      {
        event: 'record_failed',
        stage: 'clean',
        data: { code: 'RECORD_CAST', step: 'cast', topic: 'raw', offset: 0 },
        value: { amount: 'n/a' },
      },
      { event: 'record_dead_lettered', data: { code: 'RECORD_CAST' } },
      {
        event: 'record_failed',
        data: { code: 'RECORD_DECODE', step: null, offset: 1 },
        value: '{',
      },
      { event: 'record_dead_lettered' },
    ])
    await driver.close()
  })

  it('is one whose event time lies further ahead than max_future, which closes no window', async () => {
    const driver = await drive(
      clean(
        'from: raw',
        'event_time: value.ts',
        'max_future: 1m',
        'steps:',
        '  - aggregate:',
        '      window: { tumbling: 10s }',
        '      by: value.c',
        '      fields: { n: count() }',
        'to: out',
      ),
      { partitions: 1 },
    )
    await driver.send('raw', [
      json({ c: 'a', ts: at(1) }),
      json({ c: 'a', ts: at(61) }),
      json({ c: 'a', ts: at(600) }),
      json({ c: 'a', ts: startMs + 1e300 }),
      json({ c: 'a', ts: at(2) }),
    ])
    const letters = await inTopic(driver, 'p.clean.dlq')
    expect(letters.map(({ facts }) => facts['millrace-dlq-code'])).toEqual(
      Array.from({ length: 3 }, () => 'RECORD_EVENT_TIME'),
    )
    expect(await inTopic(driver, 'out')).toEqual([])
    await driver.close()
  })
})

describe('state that is full', () => {
  it('stops the pipeline with what to do, and nothing of the slice is kept', async () => {
    const text = clean(
      'from: raw',
      'state: { max_keys: 2 }',
      'steps:',
      '  - dedupe: { by: value.id }',
      'to: out',
    )
    const driver = await drive(text, { partitions: 1 })
    await driver.send('raw', [json({ id: 1 }), json({ id: 2 }), json({ id: 2 })])
    await expect(driver.send('raw', [json({ id: 1 }), json({ id: 3 })])).rejects.toMatchObject({
      code: 'STATE_FULL',
      message: expect.stringMatching(/"dedupe" already holds 2 keys; raise `state\.max_keys`/),
    })
    expect(await inTopic(driver, 'out')).toHaveLength(2)
  })
})
