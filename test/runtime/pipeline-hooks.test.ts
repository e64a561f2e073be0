import { describe, expect, it } from 'vitest'
import { at, drive, json, raw } from '../simulation/pipeline-fixture.ts'

const orders = `
pipeline: p
stages:
  - name: clean
    from: raw
    event_time: value.ts
    steps:
      - filter: value.amount > 0
      - dedupe:
          by: value.id
      - require: value.amount < 100
      - set:
          doubled: value.amount * 2
    to: out
  - name: show
    from: out
    sink: { drain: 1 }
`

describe('events of a pipeline', () => {
  it('say of each record what became of it, with its place and value', async () => {
    const driver = await drive(orders, { partitions: 1 })
    await driver.send('raw', [
      json({ id: 1, amount: 1, ts: at(0) }),
      json({ id: 1, amount: 1, ts: at(1) }),
      json({ id: 2, amount: 0, ts: at(1) }),
      json({ id: 3, amount: 100, ts: at(1) }),
      raw('{'),
    ])
    const told = driver.events.filter(
      ({ stage, event }) => stage === 'clean' && event.startsWith('record_'),
    )
    expect(
      told.map(({ event, data }) => [event, data['offset'], data['disposition'] ?? data['code']]),
    ).toEqual([
      ['record_processed', 0, 'emitted'],
      ['record_filtered', 1, 'deduplicated'],
      ['record_filtered', 2, 'filtered'],
      ['record_failed', 3, 'RECORD_REQUIRED'],
      ['record_dead_lettered', 3, 'RECORD_REQUIRED'],
      ['record_failed', 4, 'RECORD_DECODE'],
      ['record_dead_lettered', 4, 'RECORD_DECODE'],
    ])
    expect(told[0]).toMatchObject({ pipeline: 'p', value: { id: 1, doubled: 2 } })
    await driver.close()
  })

  it('name the trace of a record that failed or carries one, and the span of the stage', async () => {
    const driver = await drive(orders, { partitions: 1 })
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
    const header = ['traceparent', Buffer.from(`00-${traceId}-00f067aa0ba902b7-00`)] as const
    await driver.send('raw', [
      json({ id: 1, amount: 1, ts: at(0) }),
      json({ id: 2, amount: 1, ts: at(0) }, { headers: [header] }),
      json({ id: 3, amount: 100, ts: at(1) }),
      json({ id: 4, amount: 100, ts: at(1) }, { headers: [header] }),
      json({ id: 5, amount: 100, ts: at(1) }, { headers: [['traceparent', Buffer.from('00-FF')]] }),
    ])
    const of = (event: string) =>
      driver.events.filter((each) => each.stage === 'clean' && each.event === event)
    const processed = of('record_processed').map(({ data }) => data['trace_id'])
    expect(processed).toEqual([undefined, traceId])
    const dead = of('record_dead_lettered').map(({ data }) => data)
    expect(dead.map((data) => data['trace_id'])).toEqual([
      expect.stringMatching(/^[0-9a-f]{32}$/),
      traceId,
      expect.stringMatching(/^[0-9a-f]{32}$/),
    ])
    expect(new Set(dead.map((data) => data['span_id'])).size).toBe(3)
    expect(of('record_failed').map(({ data }) => data['trace_id'])).toEqual(
      dead.map((data) => data['trace_id']),
    )
    await driver.close()
  })

  it('have the value of a record also where the stage hands it on unread', async () => {
    const driver = await drive(orders, { partitions: 1 })
    await driver.send('raw', [json({ id: 1, amount: 1, ts: at(0) })])
    const told = driver.events.filter(
      ({ stage, event }) => stage === 'show' && event === 'record_processed',
    )
    expect(told).toMatchObject([{ value: { id: 1, amount: 1 } }])
    await driver.close()
  })

  it('tell of stages and batches', async () => {
    const driver = await drive(orders, { partitions: 2 })
    await driver.send('raw', [json({ id: 1, amount: 1, ts: at(0) })])
    await driver.close()
    const named = (name: string) => driver.events.filter(({ event }) => event === name)
    expect(named('stage_started').map(({ stage, data }) => [stage, data])).toEqual([
      ['clean', { tasks: 2 }],
      ['show', { tasks: 2 }],
    ])
    expect(named('batch_processed').map(({ stage, data }) => [stage, data])).toEqual([
      ['clean', { records: 1, task: 'p.clean/0' }],
      ['show', { records: 1, task: 'p.show/0' }],
    ])
    expect(
      named('stage_stopped')
        .map(({ stage }) => stage)
        .toSorted(),
    ).toEqual(['clean', 'show'])
  })

  it('tell once that a limit is passed, and again only after it was kept', async () => {
    const driver = await drive(
      orders.replace('from: raw', 'from: raw\n    limits: { lag: 10, delay: 5s }'),
      { partitions: 1 },
    )
    for (const waitMs of [6_000, 7_000, 1_000, 6_000]) {
      await driver.close()
      await driver.append('raw', [json({ id: waitMs, amount: 1, ts: at(0) })])
      await driver.clock.advance(waitMs)
      await driver.start()
    }
    const told = driver.events.filter(({ event }) => event === 'delay_exceeded')
    // Each start begins anew: what was told before it is told again where it still holds.
    expect(told.map(({ data }) => data['delay_ms'])).toEqual([6_000, 7_000, 6_000])
    expect(told[0]).toMatchObject({ stage: 'clean', data: { limit_ms: 5_000 } })
    await driver.close()
  })
})
