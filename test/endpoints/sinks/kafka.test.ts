import { describe, expect, it } from 'vitest'
import { ConnectionName } from '../../../src/core/connection-name.ts'
import { kafkaSink } from '../../../src/endpoints/sinks/kafka.ts'
import { aBatch } from '../endpoint-fixture.ts'
import { kafkaRecorder } from '../kafka-recorder.ts'

const setting = { connection: 'main', topic: 'out' }
const never = new AbortController().signal

describe('the sink kafka', () => {
  it('hands on its settings with their defaults', async () => {
    const { environment, calls } = kafkaRecorder()
    await kafkaSink.create(kafkaSink.config.parse(setting), environment, null).begin()
    expect(calls[1]).toEqual([
      'sink',
      {
        connection: new ConnectionName('kafka', 'main'),
        topic: 'out',
        compression: 'none',
        timestamp: 'event_time',
        timingHeader: false,
      },
    ])
    const chosen = { compression: 'zstd', timestamp: 'ingest', timing_header: true }
    const other = kafkaRecorder()
    const config = kafkaSink.config.parse({ ...setting, ...chosen })
    await kafkaSink.create(config, other.environment, null).begin()
    expect(other.calls[1]).toMatchObject([
      'sink',
      { compression: 'zstd', timestamp: 'ingest', timingHeader: true },
    ])
  })

  it('loads the client once, and writes through it', async () => {
    const { environment, calls } = kafkaRecorder()
    const sink = kafkaSink.create(kafkaSink.config.parse(setting), environment, null)
    expect(await sink.begin()).toBeNull()
    expect(await sink.write(aBatch(['a', 'b']), never)).toEqual({ memory: null, failures: [] })
    await sink.close()
    expect(calls.filter(([call]) => call !== 'sink')).toEqual([
      ['load'],
      ['begin'],
      ['write', 2],
      ['close'],
    ])
  })

  it('closes without having been opened, and takes nothing back', async () => {
    const { environment, calls } = kafkaRecorder()
    const config = kafkaSink.config.parse(setting)
    await kafkaSink.create(config, environment, null).close()
    await kafkaSink.reset(config, null)
    expect(calls).toEqual([])
    expect(kafkaSink.remembers).toBe(false)
  })

  it.each([{ topic: 'a b' }, { topic: 'out.${value.x}' }, { compression: 'brotli' }, { key: 'k' }])(
    'refuses %j',
    (wrong) => {
      expect(kafkaSink.config.safeParse({ ...setting, ...wrong }).success).toBe(false)
    },
  )
})
