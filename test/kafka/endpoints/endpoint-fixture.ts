import { createSystemClock } from '../../../src/clock/system-clock.ts'
import type { Clock } from '../../../src/core/clock.ts'
import { ConnectionName } from '../../../src/core/connection-name.ts'
import type {
  KafkaEndpoints,
  KafkaSinkOptions,
  KafkaSourceOptions,
  Sink,
  Source,
  SourceSlice,
} from '../../../src/core/endpoints.ts'
import type { KafkaConnection } from '../../../src/core/kafka-connection.ts'
import type { JsonValue } from '../../../src/core/json.ts'
import { kafkaEndpoints } from '../../../src/logs/kafka/endpoint/kafka-endpoints.ts'
import { SeededRandom } from '../../../src/simulation/seeded-random.ts'

const systemClock = createSystemClock()

/** The same time, but for waits of the given lengths, which take 100 ms. */
export function impatientClock(...shortenedMs: readonly number[]): Clock {
  return {
    wallMs: () => systemClock.wallMs(),
    monotonicUs: () => systemClock.monotonicUs(),
    sleep: (ms, signal) => systemClock.sleep(shortenedMs.includes(ms) ? 100 : ms, signal),
  }
}

export function aConnection(
  address: string,
  more: Partial<KafkaConnection> = {},
  name = 'main',
): ConnectionName<'kafka'> {
  const connection = new ConnectionName('kafka', name)
  const plain = { brokers: [address], tls: null, sasl: null, allowPlaintextPassword: false }
  connection.bind({ ...plain, ...more })
  return connection
}

export interface Endpoints extends KafkaEndpoints {
  readonly notices: string[]
  readonly close: () => Promise<void>
  source(options: Partial<KafkaSourceOptions> & Pick<KafkaSourceOptions, 'connection'>): Source
  sink(options: Partial<KafkaSinkOptions> & Pick<KafkaSinkOptions, 'connection'>): Sink
}

/** Sources and sinks of a process; `close` closes all of them. */
export function endpointsOf(clock: Clock = systemClock): Endpoints {
  const notices: string[] = []
  const opened: (Source | Sink)[] = []
  const keep = <Opened extends Source | Sink>(each: Opened) => {
    opened.push(each)
    return each
  }
  const endpoints = kafkaEndpoints({
    clock,
    random: new SeededRandom(1),
    notice: (message) => void notices.push(message),
    mask: (text) => text,
  })
  return {
    notices,
    source: (options) =>
      keep(endpoints.source({ ...options, ...defaultsOf(sourceDefaults, options) })),
    sink: (options) => keep(endpoints.sink({ ...options, ...defaultsOf(sinkDefaults, options) })),
    close: async () => {
      for (const each of opened.splice(0)) await each.close()
    },
  }
}

const sourceDefaults: Omit<KafkaSourceOptions, 'connection'> = {
  topics: [],
  start: 'earliest',
  bounded: false,
  group: null,
  positions: new Map(),
}
const sinkDefaults: Omit<KafkaSinkOptions, 'connection'> = {
  topic: '',
  compression: 'none',
  timestamp: 'event_time',
  timingHeader: false,
}

function defaultsOf<Options extends object>(defaults: Options, given: Partial<Options>): Options {
  return { ...defaults, ...given }
}

/** What came of a source: its records, and where it stands after the last slice. */
export class SourceRead {
  readonly values: (string | null)[] = []
  readonly slices: SourceSlice[] = []
  readonly positions = new Map<string, JsonValue>()

  /** Reads until it has so many records, or the source ends. */
  async until(source: Source, count: number, signal = new AbortController().signal): Promise<this> {
    while (this.values.length < count) {
      const slice = await source.read({ maxRecords: 2_048, maxBytes: 1024 * 1024, signal })
      if (slice === null) break
      this.slices.push(slice)
      for (let index = 0; index < slice.batch.count; index++) {
        this.values.push(slice.batch.valueText(index))
      }
      // As the log stores them.
      for (const [split, position] of slice.positions) {
        this.positions.set(split, JSON.parse(JSON.stringify(position)) as JsonValue)
      }
      source.committed?.(slice.positions)
    }
    return this
  }

  toEnd(source: Source): Promise<this> {
    return this.until(source, Infinity)
  }
}

export async function readToEnd(source: Source): Promise<(string | null)[]> {
  return (await new SourceRead().toEnd(source)).values
}
