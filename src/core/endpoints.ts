import type { Readable, Writable } from 'node:stream'
import type { z } from 'zod'
import type { Clock, Random } from './clock.ts'
import type { ConnectionName } from './connection-name.ts'
import type { EndpointDrop } from './endpoint-drops.ts'
import type { RecordErrorCode } from './errors.ts'
import type { HttpClient } from './http-client.ts'
import type { JsonValue } from './json.ts'
import type { Listening } from './listening.ts'
import type { RecordBatch } from './record-batch.ts'
import type { SourceInfo } from './step-record.ts'
import type { TopicFollower } from './topic-follower.ts'

/** What sources and sinks get from the outside. */
export interface EndpointEnvironment {
  readonly clock: Clock
  readonly random: Random
  readonly stdin: Readable
  readonly stdout: Writable
  /** A notice for the user about something that is no error, such as input that cannot be replayed. */
  readonly notice: (message: string) => void
  /** What is good to know and nothing to worry about, such as where a source listens; absent: nobody asks. */
  readonly tell?: (message: string) => void
  /**
   * What several sources and sinks of a run have in common, such as the clients of one path: made by the
   * first who asks for the name. Absent: each has its own.
   */
  readonly share?: <Shared extends object>(name: string, make: () => Shared) => Shared
  /** Counts what was refused or left out, for the metrics of the stage; absent: nobody asks. */
  readonly dropped?: (drop: EndpointDrop, count?: number) => void
  /** The topics of Kafka clusters, loaded by those who use them; absent where nothing outside is reached. */
  readonly kafka?: () => Promise<KafkaEndpoints>
  /** Requests to others; absent where nothing outside is reached. */
  readonly http?: HttpClient
  /** Topics of the log, read beside the tasks; absent where there is no log. */
  readonly topics?: TopicFollower
  /** Servers for those who wait to be called; absent where nothing outside is reached. */
  readonly listening?: Listening
}

/** Topics of Kafka clusters as sources and sinks. Each connects at its first call, not before. */
export interface KafkaEndpoints {
  source(options: KafkaSourceOptions): Source
  sink(options: KafkaSinkOptions): Sink
}

export interface KafkaSourceOptions {
  readonly connection: ConnectionName<'kafka'>
  /** All partitions are read, also those that come to be later. */
  readonly topics: readonly string[]
  /** Where a topic without positions begins. */
  readonly start: 'earliest' | 'latest'
  /** Whether to end where the partitions end at the first read. */
  readonly bounded: boolean
  /** The consumer group that is told the committed positions, for Kafka's tools; null for none. */
  readonly group: string | null
  /** As last committed, by split. */
  readonly positions: ReadonlyMap<string, JsonValue>
}

export interface KafkaSinkOptions {
  readonly connection: ConnectionName<'kafka'>
  readonly topic: string
  readonly compression: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'
  /** The time that Kafka is told; where an event has none, or one before 1970, it is the ingest time. */
  readonly timestamp: 'event_time' | 'ingest'
  /** Whether records carry the engine's timing header. */
  readonly timingHeader: boolean
}

export interface ReadRequest {
  readonly maxRecords: number
  readonly maxBytes: number
  readonly signal: AbortSignal
}

export interface SourceSlice {
  /**
   * Original bytes of the records; a csv row as a JSON object of strings. Without records (`emptyBatch`)
   * where there is no record to wait for: positions are to be kept, or a peer answers again.
   */
  readonly batch: RecordBatch
  /** Records of the batch that the source could not read; they are dead-lettered with their bytes. */
  readonly failures: readonly {
    readonly index: number
    readonly code: RecordErrorCode
    readonly message: string
  }[]
  /** By split: where the source stands after this slice; null: it is no more. Committed with the records. */
  readonly positions: ReadonlyMap<string, JsonValue>
  /** What `source` is in expressions, for a record of the batch. */
  readonly info: (index: number) => SourceInfo
}

export interface Source {
  /**
   * The next records; null at the end of a bounded source, or when the signal has aborted.
   * @throws PipelineError CONFIG_FILE, FILE_FAILED, PEER_UNAVAILABLE (the stage waits and reads again)
   */
  read(request: ReadRequest): Promise<SourceSlice | null>
  /** Told of each slice in turn, once its records and positions are committed. It must neither throw nor wait. */
  committed?(positions: SourceSlice['positions']): void
  /** Records that wait to be read, as far as is known; none where that cannot be known. */
  lag?(): number
  close(): Promise<void>
}

/** What a sink remembers between runs, such as the length of its file; committed with the positions. */
export type SinkMemory = JsonValue

/**
 * What the records of a batch came of, for sinks that keep their positions with what they write. A record
 * has the same origin each time it comes.
 */
export interface SinkOrigins {
  /** `TOPIC/PARTITION`; null for a record of which nothing but its content is known. */
  input(index: number): string | null
  /** Offsets of an input grow, in every batch. */
  offset(index: number): bigint
  /** Of several results of one record: the how-manieth, from 0. */
  ordinal(index: number): number
}

export interface SinkReceipt {
  readonly memory: SinkMemory
  /** Records that the sink cannot take at all; the stage's `on_error` decides. */
  readonly failures: readonly {
    readonly index: number
    readonly code: RecordErrorCode
    readonly message: string
  }[]
  /**
   * Records that the peer refused, and may take later. They alone are written again, as often as
   * `retry.max` of the stage says, and then fail.
   */
  readonly refused?: readonly { readonly index: number; readonly message: string }[]
}

export interface Sink {
  /**
   * Called once, before the first write. What it returns is committed before anything is written, so
   * that a sink knows after a crash what it found when it began.
   * @throws as `write`
   */
  begin(): Promise<SinkMemory>
  /**
   * Writes all records, durably where the sink can: the stage commits its position only afterwards.
   * After a throw the same batch is written again, or the sink is closed. Of what the signal cuts off nothing
   * needs to be told.
   * @throws PipelineError DISK_FULL, PEER_UNAVAILABLE (the stage waits and writes again), FILE_FAILED
   */
  write(batch: RecordBatch, signal: AbortSignal, origins?: SinkOrigins): Promise<SinkReceipt>
  close(): Promise<void>
}

/** From the strongest to the weakest; `best_effort` may both lose and repeat. */
export const guarantees = [
  'exactly_once',
  'effectively_once',
  'at_least_once',
  'at_most_once',
  'best_effort',
] as const
export type Guarantee = (typeof guarantees)[number]

/** What becomes of records on their way in or out when the process dies at any moment, in sentences. */
export interface EndpointGuarantee {
  readonly guarantee: Guarantee
  /** What makes it so. */
  readonly why: string
  /** What happens twice, or is lost, after a crash; null where nothing is. */
  readonly afterCrash: string | null
  /** By what a receiver can tell a repeated record; null where none comes twice. */
  readonly dropBy: string | null
}

interface EndpointBase<Type extends string, Config extends z.ZodType> {
  /** The word in pipeline files, and the name of the definition's file. */
  readonly type: Type
  readonly summary: string
  readonly config: Config
  /** Settings as they stand in a pipeline file. */
  readonly examples: readonly [
    { readonly title: string; readonly config: unknown },
    ...{ readonly title: string; readonly config: unknown }[],
  ]
}

export interface SourceDefinition<
  Type extends string = string,
  Config extends z.ZodType = z.ZodType,
> extends EndpointBase<Type, Config> {
  /** Paths and globs of the files that it reads. */
  files(config: z.output<Config>): readonly string[]
  /** A bounded source ends, and holds the watermark back until it does. */
  bounded(config: z.output<Config>): boolean
  /** Whether what was read but not committed can be read again. */
  readonly replayable: boolean
  /** For `millrace explain`; by default what `replayable` says. */
  guarantee?(config: z.output<Config>): EndpointGuarantee
  /** @param positions as last committed, by split. */
  create(
    config: z.output<Config>,
    environment: EndpointEnvironment,
    positions: ReadonlyMap<string, JsonValue>,
  ): Source
}

export interface SinkDefinition<
  Type extends string = string,
  Config extends z.ZodType = z.ZodType,
> extends EndpointBase<Type, Config> {
  /** The guarantee of a sink that is written again after a crash. */
  readonly delivery: 'exactly_once' | 'at_least_once'
  /** For `millrace explain`; by default what `delivery` says. */
  guarantee?(config: z.output<Config>): EndpointGuarantee
  /** Whether the sink has a memory at all; by default it has. Without one its task need not keep state. */
  readonly remembers?: boolean
  /** Whether one task must own all partitions of the stage, as for a single file. */
  singleTask(config: z.output<Config>): boolean
  /** Files that the sink writes: no two sinks may write one, and no source may read it. */
  files(config: z.output<Config>): readonly string[]
  /**
   * For `--fresh`: takes back what was written, and only that.
   * @param memory as last committed.
   * @throws PipelineError CONFIG_FILE
   */
  reset(config: z.output<Config>, memory: SinkMemory): Promise<void>
  /** @param memory as last committed; null at the first start. */
  create(config: z.output<Config>, environment: EndpointEnvironment, memory: SinkMemory): Sink
}

export function defineSource<Type extends string, Config extends z.ZodType>(
  definition: SourceDefinition<Type, Config>,
): SourceDefinition<Type, Config> {
  return definition
}

export function defineSink<Type extends string, Config extends z.ZodType>(
  definition: SinkDefinition<Type, Config>,
): SinkDefinition<Type, Config> {
  return definition
}
