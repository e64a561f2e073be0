import { describe, expect, it } from 'vitest'
import type { HookEvent, Listener } from '../../src/core/hook.ts'
import { publishListener } from '../../src/hooks/publish.ts'
import { plannedSource, RunBench } from '../runtime/run-fixture.ts'
import { bindConfig } from '../../src/topology/bind-config.ts'
import { listenerEnvironment } from './listener-fixture.ts'

const event: HookEvent = {
  id: 'e1',
  event: 'record_failed',
  pipeline: 'p',
  stage: 'clean',
  timeMs: 5,
  data: { code: 'RECORD_CAST' },
  value: { id: 7 },
}

async function published(settings: object) {
  const config = publishListener.config.parse({ topic: 'alerts', ...settings })
  const report = (_path: unknown, thrown: unknown) => {
    throw thrown
  }
  bindConfig(config, [], { folder: '/', readText: () => '', scope: ['event', 'value'], report })
  const environment = listenerEnvironment()
  const listener: Listener = await publishListener.create(config, environment)
  await listener.notify(event, new AbortController().signal)
  const [{ topic, record }] = environment.appended as [(typeof environment.appended)[number]]
  return { topic, ...record, value: JSON.parse(record.value) as unknown }
}

describe('the listener publish', () => {
  it('writes a CloudEvent, keyed by the stage', async () => {
    expect(await published({})).toMatchObject({
      topic: 'alerts',
      key: 'clean',
      eventTimeMs: 5,
      value: { specversion: '1.0', id: 'e1', data: { value: { id: 7 } } },
      headers: [
        ['content-type', 'application/cloudevents+json'],
        ['millrace-event-id', 'e1'],
      ],
    })
  })

  it('writes what expressions make of event and value', async () => {
    expect(await published({ key: 'value.id', map: 'event.code' })).toMatchObject({
      key: '7',
      value: 'RECORD_CAST',
      headers: [['millrace-event-id', 'e1']],
    })
    expect(await published({ key: 'event.nothing' })).toMatchObject({ key: null })
  })

  it.each([true, false])('writes for a stage to read (reliable: %s)', async (reliable) => {
    const bench = new RunBench()
    const topology = bench.topology(
      `
pipeline: p
stages:
  - name: ingest
    source: { numbers: 1 }
    to: one
  - name: clean
    from: one
    steps:
      - require: value.n != 2
    to: two
    hooks:
      - on: record_dead_lettered
        reliable: ${reliable}
        do: { publish: { topic: broken, map: value } }
${
  reliable
    ? `  - name: repair
    from: broken
    steps:
      - set: { repaired: 'true' }
    to: repaired`
    : ''
}
`,
      {
        sources: [
          plannedSource(
            'numbers',
            { values: [{ n: 1 }, { n: 2 }, { n: 3 }], sliceSize: 3 },
            bench.clock,
          ),
        ],
        listeners: [publishListener],
      },
    )
    const run = await bench.start([topology])
    await run.done
    expect((await run.report()).pipelines[0]!.outcome).toBe('completed')
    expect((await bench.records('broken')).map(({ value }) => value)).toEqual([{ n: 2 }])
    if (reliable)
      expect((await bench.records('repaired')).map(({ value }) => value)).toEqual([
        { n: 2, repaired: true },
      ])
  })

  it('cannot write to a topic from which its own stage gets its records', () => {
    const bench = new RunBench()
    expect(() =>
      bench.topology(
        `
pipeline: p
stages:
  - name: clean
    from: one
    to: two
    hooks:
      - on: record_dead_lettered
        reliable: true
        do: { publish: one }
`.replace('publish: one', 'publish: { topic: one }'),
        { listeners: [publishListener] },
      ),
    ).toThrow('read, directly or through each other, what they write')
  })
})
