import { describe, expect, it } from 'vitest'
import { encodeHeaders } from '../../src/core/record-batch.ts'
import { replayHeader, replayOf, withReplay, withoutReplay } from '../../src/core/replay-header.ts'
import type { PushedRecord } from '../../src/simulation/push-source.ts'
import { at, drive, inTopic, json, stageOf, valuesOf } from '../simulation/pipeline-fixture.ts'

const totals = `
pipeline: p
stages:
  - name: totals
    from: raw
    event_time: value.ts
    steps:
      - require: value.n > 0
      - aggregate:
          window: { tumbling: 10s }
          fields: { n: count() }
    to: totals
`
const one = { partitions: 1, regroup: 'one_task' } as const

/** As `dlq replay` writes it. */
function replayed(value: unknown, replay: object): PushedRecord {
  return json(value, { headers: [[replayHeader, Buffer.from(JSON.stringify(replay))]] })
}

describe('a dead letter that comes back', () => {
  it('neither moves the watermark nor holds it back', async () => {
    const driver = await drive(totals, one)
    await driver.send('raw', [json({ ts: at(1), n: 1 })])
    await driver.send('p.totals.replay', [replayed({ ts: at(100), n: 1 }, { attempt: 1 })])
    expect(await inTopic(driver, 'totals')).toEqual([])
    await driver.send('p.totals.replay', [replayed({ ts: at(2), n: 1 }, { attempt: 1 })])
    await driver.send('raw', [json({ ts: at(11), n: 1 })])
    expect(valuesOf(await inTopic(driver, 'totals'))).toMatchObject([{ n: 2 }])
    await driver.close()
  })

  it('is late when its window is closed, like any other record', async () => {
    const driver = await drive(totals, one)
    await driver.send('raw', [json({ ts: at(1), n: 1 }), json({ ts: at(30), n: 1 })])
    const back = { attempt: 1, topic: 'raw', partition: 0, offset: 7 }
    await driver.send('p.totals.replay', [replayed({ ts: at(2), n: 1 }, back)])
    const [late] = await inTopic(driver, 'p.totals.late')
    expect(late!.facts).toMatchObject({
      'millrace-late-topic': 'raw',
      'millrace-late-offset': '7',
    })
    expect(late!.facts).not.toHaveProperty(replayHeader)
    expect(valuesOf(await inTopic(driver, 'totals'))).toMatchObject([{ n: 1 }])
    await driver.close()
  })

  it('that fails again says how often it has come back, and where it lay first', async () => {
    const driver = await drive(totals, one)
    const back = { attempt: 2, topic: 'raw', partition: 0, offset: 3 }
    await driver.send('p.totals.replay', [replayed({ ts: at(1), n: 0 }, back)])
    const [letter] = await inTopic(driver, 'p.totals.dlq')
    expect(letter!.facts).toMatchObject({
      'millrace-dlq-replays': '2',
      'millrace-dlq-topic': 'raw',
      'millrace-dlq-offset': '3',
    })
    expect(letter!.facts).not.toHaveProperty(replayHeader)
    await driver.close()
  })

  it('counts once among the records of its stage, and does not keep a bounded run from its end', async () => {
    const driver = await drive(totals, one)
    await driver.send('raw', [json({ ts: at(1), n: 1 })])
    await driver.send('p.totals.replay', [replayed({ ts: at(1), n: 1 }, { attempt: 1 })])
    await driver.end()
    expect(await stageOf(driver, 'totals')).toMatchObject({ n: 2, phase: 'ended' })
    expect(valuesOf(await inTopic(driver, 'totals'))).toMatchObject([{ n: 2 }])
  })

  it('whose header somebody has made up is worked on all the same', async () => {
    const driver = await drive(totals, one)
    for (const text of ['', '{', 'null', '{"attempt":-1,"topic":3}', '{"topic":"raw"}'])
      await driver.send('p.totals.replay', [
        json({ ts: at(1), n: 1 }, { headers: [[replayHeader, Buffer.from(text)]] }),
      ])
    expect(await stageOf(driver, 'totals')).toMatchObject({ n: 5 })
    await driver.close()
  })
})

describe('the header of a replay', () => {
  it('is taken off again, and leaves all others byte for byte', () => {
    const headers = encodeHeaders([
      ['a', Uint8Array.from([0xff])],
      [replayHeader, 'somebody'],
    ])
    const origin = { topic: 'raw', partition: 1, offset: 2 }
    const marked = withReplay(headers, { attempt: 1, origin })
    expect(withoutReplay(marked)).toEqual(headers)
    expect(withoutReplay(withReplay(new Uint8Array(0), { attempt: 1, origin: null }))).toEqual(
      new Uint8Array(0),
    )
    expect(replayOf(Buffer.from(JSON.stringify({ attempt: 1, ...origin })))).toEqual({
      attempt: 1,
      origin,
    })
  })
})
