import { describe, expect, it } from 'vitest'
import { ConnectionName } from '../../../src/core/connection-name.ts'
import { kafkaSource } from '../../../src/endpoints/sources/kafka.ts'
import { anEnvironment, aRequest, errorOf } from '../endpoint-fixture.ts'
import { kafkaRecorder, slice } from '../kafka-recorder.ts'

const setting = { connection: 'main', topics: ['orders', 'returns', 'orders'] }
const noPositions = new Map()

describe('the source kafka', () => {
  it('hands on its settings with their defaults, each topic once', async () => {
    const { environment, calls } = kafkaRecorder()
    const source = kafkaSource.create(kafkaSource.config.parse(setting), environment, noPositions)
    await source.read(aRequest())
    expect(calls[1]).toEqual([
      'source',
      {
        connection: new ConnectionName('kafka', 'main'),
        topics: ['orders', 'returns'],
        group: null,
        start: 'earliest',
        bounded: false,
        positions: noPositions,
      },
    ])
    const one = kafkaSource.config.parse({ ...setting, topics: 'orders', group: 'g' })
    const other = kafkaRecorder()
    await kafkaSource.create(one, other.environment, noPositions).read(aRequest())
    expect(other.calls[1]).toMatchObject(['source', { topics: ['orders'], group: 'g' }])
  })

  it('loads the client with the first read, and once', async () => {
    const { environment, calls } = kafkaRecorder()
    const source = kafkaSource.create(kafkaSource.config.parse(setting), environment, noPositions)
    expect([source.lag?.(), calls]).toEqual([0, []])
    source.committed?.(slice.positions)
    expect(await source.read(aRequest())).toBe(slice)
    await source.read(aRequest())
    source.committed?.(slice.positions)
    expect(source.lag?.()).toBe(12)
    await source.close()
    expect(calls.map(([call]) => call)).toEqual([
      'load',
      'source',
      'read',
      'read',
      'committed',
      'close',
    ])
  })

  it('closes without having been opened', async () => {
    const { environment, calls } = kafkaRecorder()
    await kafkaSource.create(kafkaSource.config.parse(setting), environment, noPositions).close()
    expect(calls).toEqual([])
  })

  it('is bounded where it is told so', () => {
    const bounded = (more: object) =>
      kafkaSource.bounded(kafkaSource.config.parse({ ...setting, ...more }))
    expect([bounded({}), bounded({ bounded: true })]).toEqual([false, true])
  })

  it.each([
    [{ topics: [] }, 'topics'],
    [{ topics: 'a/b' }, 'topics'],
    [{ topics: ['..'] }, 'topics'],
    [{ topics: 'x'.repeat(250) }, 'topics'],
    [{ group: '' }, 'group'],
    [{ start: 'newest' }, 'start'],
    [{ connection: '' }, 'connection'],
    [{ brokers: 'localhost:9092' }, undefined],
  ])('refuses %j', (wrong, place) => {
    const result = kafkaSource.config.safeParse({ ...setting, ...wrong })
    expect(result.error?.issues[0]?.path[0]).toBe(place)
    expect(result.success).toBe(false)
  })

  it('is not to be had where nothing outside is reached', async () => {
    const source = kafkaSource.create(
      kafkaSource.config.parse(setting),
      anEnvironment(),
      noPositions,
    )
    expect((await errorOf(source.read(aRequest()))).code).toBe('INVARIANT')
  })
})
