import { PipelineError } from '../core/errors.ts'
import type { TopicDescription } from '../core/log.ts'
import { didYouMean } from '../core/nearest-name.ts'
import type { Tracing } from '../core/telemetry.ts'
import type { Topology } from '../topology/topology.ts'
import { chooseLog, type LogOptions } from './choose-log.ts'
import { exitCodes, stoppedCode, type CliEnvironment, type ExitCode } from './cli-environment.ts'
import { createLogger } from './create-logger.ts'
import { fitStoredTopics } from './fit-stored-topics.ts'
import { isError, loadTopologies } from './load-topologies.ts'
import { printDiagnostics } from './print-diagnostics.ts'
import { printReplay, type ReplayTally, type StageTally } from './replay-report.ts'
import { withReplayLog, type ReplayLog } from './replay-log.ts'
import { ReplayProgress } from './replay-progress.ts'
import { sinceMs, type LetterId, type Since } from './replay-options.ts'
import { selectedLetters, verdictOf, type Selection } from './replay-selection.ts'
import { ReplayStage } from './replay-stage.ts'
import { ReplayWriter } from './replay-writer.ts'
import { openTracing } from './run-tracing.ts'
import { readTelemetrySetting } from './telemetry-setting.ts'

export interface ReplayOptions extends LogOptions {
  readonly stage?: readonly string[]
  readonly code?: readonly string[]
  readonly since?: Since
  readonly id?: readonly LetterId[]
  readonly all?: boolean
  readonly limit?: number
  /** Records per second. */
  readonly rate?: number
  readonly maxAttempts: number
  readonly again?: boolean
  readonly dryRun?: boolean
  readonly json?: boolean
}

/** Of one commit. */
const chunkRecords = 256
const chunkBytes = 1024 * 1024
/** With `--rate` a commit holds what is due in so long. */
const pacedMs = 100

/** `millrace dlq replay`: writes dead letters back to their stages. */
export async function dlqReplay(
  paths: readonly string[],
  options: ReplayOptions,
  environment: CliEnvironment,
): Promise<ExitCode> {
  assertSelects(options)
  const { files, diagnostics } = loadTopologies(paths, environment, { log: options.log })
  printDiagnostics(environment, diagnostics.filter(isError))
  if (diagnostics.some(isError)) return exitCodes.config
  const choice = chooseLog(options, files, environment)
  const stopping = environment.interrupts.listen()
  const write = (line: string) => void environment.stderr.write(`${environment.mask.text(line)}\n`)
  const { clock } = environment
  const log = createLogger({ level: 'warn', format: 'text', clock, write })
  const telemetry = readTelemetrySetting(environment, log)
  const traced =
    options.dryRun === true ? null : await openTracing({ environment, telemetry, choice, log })
  try {
    const tallies = await withReplayLog(choice, environment, async (replayLog) => {
      const { topologies } = await fitStoredTopics(files, replayLog, { environment, options })
      const run = new ReplayRun(replayLog, {
        options,
        environment,
        stopping,
        tracing: traced?.tracing ?? null,
      })
      return run.replay(stagesOf(topologies, options.stage ?? []))
    })
    printReplay(tallies, options, environment)
  } finally {
    await traced?.close()
  }
  return stoppedCode(stopping.reason)
}

/** All dead letters are many: they are written back by those only who say so. */
function assertSelects(options: ReplayOptions): void {
  const { stage, code, since, id, limit, all, dryRun } = options
  const chosen = [stage, code, since, id, limit, all, dryRun]
  if (chosen.some((option) => option !== undefined)) return
  throw new PipelineError(
    'CONFIG_USAGE',
    'which dead letters? Choose by --stage, --code, --since, --id or --limit, or take --all; --dry-run shows what would be done',
  )
}

function stagesOf(topologies: readonly Topology[], wanted: readonly string[]): ReplayStage[] {
  const all = topologies.flatMap((topology) =>
    [...new Set(topology.nodes.map(({ stage }) => stage))].map(
      (stage) => new ReplayStage(topology, stage),
    ),
  )
  if (wanted.length === 0) return all
  const names = all.flatMap(({ stage, pipeline }) => [stage, `${pipeline}.${stage}`])
  for (const name of wanted) {
    if (names.includes(name)) continue
    const known = all.map(({ stage }) => stage).join(', ')
    throw new PipelineError(
      'CONFIG_USAGE',
      `there is no stage "${name}"${didYouMean(name, names)}; there are ${known}`,
    )
  }
  return all.filter(
    ({ stage, pipeline }) => wanted.includes(stage) || wanted.includes(`${pipeline}.${stage}`),
  )
}

interface ReplaySetting {
  readonly options: ReplayOptions
  readonly environment: CliEnvironment
  readonly stopping: AbortSignal
  readonly tracing: Tracing | null
}

/** A stage with dead letters. */
interface Source {
  readonly stage: ReplayStage
  readonly topic: TopicDescription
  readonly writer: ReplayWriter
  readonly tally: StageTally
}

class ReplayRun {
  readonly #log: ReplayLog
  readonly #setting: ReplaySetting
  readonly #selection: Selection
  #left: number
  #done = 0
  #startUs = 0

  constructor(log: ReplayLog, setting: ReplaySetting) {
    const { code = [], id = [], since, maxAttempts, again = false, limit } = setting.options
    this.#log = log
    this.#setting = setting
    this.#left = limit ?? Number.POSITIVE_INFINITY
    const nowMs = setting.environment.clock.wallMs()
    const fromMs = since === undefined ? Number.NEGATIVE_INFINITY : sinceMs(since, nowMs)
    this.#selection = { codes: new Set(code), sinceMs: fromMs, ids: id, maxAttempts, again }
  }

  async replay(stages: readonly ReplayStage[]): Promise<ReplayTally> {
    const topics = new Map((await this.#log.reader.topics()).map((topic) => [topic.name, topic]))
    const sources: Source[] = []
    try {
      for (const stage of stages) {
        const topic = topics.get(stage.deadLetterTopic)
        if (topic === undefined) continue
        this.#assertReadable(stage, topics)
        sources.push(await this.#open(stage, topic))
      }
      for (const source of sources) await this.#count(source)
      if (this.#setting.options.dryRun !== true) await this.#writeAll(sources)
    } finally {
      await Promise.all(sources.map(({ writer }) => writer.close()))
    }
    return sources.map(({ tally }) => tally)
  }

  /** A run of this version makes the topics that it reads: before it there is nobody to take the letters. */
  #assertReadable(stage: ReplayStage, topics: ReadonlyMap<string, TopicDescription>): void {
    const missing = stage.outputs.find((topic) => !topics.has(topic))
    if (missing === undefined) return
    throw new PipelineError(
      'CONFIG_USAGE',
      `there is no topic "${missing}" yet, by which dead letters come back to the stage "${stage.stage}": run the pipeline once with this version, or create it with \`millrace topics apply\``,
    )
  }

  async #open(stage: ReplayStage, topic: TopicDescription): Promise<Source> {
    const { clock } = this.#setting.environment
    const { tracing } = this.#setting
    const task = await this.#log.openTask(stage.group, stage.outputs)
    const writer = new ReplayWriter({ stage, task, clock, tracing })
    await writer.open((key) => isThere(topic, key))
    const tally = {
      pipeline: stage.pipeline,
      stage: stage.stage,
      topic: topic.name,
      selected: 0,
      replayed: 0,
      already: 0,
      parked: 0,
      obstacles: {},
      codes: {},
    }
    return { stage, topic, writer, tally }
  }

  /** What there is to do, so that it can be told how far it is. */
  async #count({ stage, topic, writer, tally }: Source): Promise<void> {
    const selection = this.#selection
    const { replayed } = writer
    const of = { stage, replayed, selection }
    for await (const letter of selectedLetters(this.#log.reader, topic, {
      stage: stage.stage,
      selection,
    })) {
      const verdict = verdictOf(letter, of)
      if (verdict.kind === 'done') tally.already += 1
      else if (verdict.kind === 'parked') tally.parked += 1
      else if (verdict.kind === 'obstacle')
        tally.obstacles[verdict.obstacle] = (tally.obstacles[verdict.obstacle] ?? 0) + 1
      else if (tally.selected < this.#left) {
        tally.selected += 1
        tally.codes[letter.code] = (tally.codes[letter.code] ?? 0) + 1
      }
    }
    this.#left -= tally.selected
  }

  async #writeAll(sources: readonly Source[]): Promise<void> {
    const { environment, stopping } = this.#setting
    const total = sources.reduce((sum, { tally }) => sum + tally.selected, 0)
    const progress = new ReplayProgress(environment, total)
    this.#startUs = environment.clock.monotonicUs()
    try {
      for (const source of sources) {
        if (stopping.aborted) return
        await this.#write(source, progress)
      }
    } finally {
      progress.end()
    }
  }

  async #write({ stage, topic, writer, tally }: Source, progress: ReplayProgress): Promise<void> {
    const selection = this.#selection
    // As it was when they were counted: what is written back now is not looked at again.
    const replayed = new Set(writer.replayed)
    let pending = 0
    const commit = async () => {
      await writer.commit()
      tally.replayed += pending
      this.#done += pending
      pending = 0
      progress.tell(this.#done)
      await this.#pace()
    }
    for await (const letter of selectedLetters(this.#log.reader, topic, {
      stage: stage.stage,
      selection,
    })) {
      if (tally.replayed + pending >= tally.selected || this.#setting.stopping.aborted) break
      const verdict = verdictOf(letter, { stage, replayed, selection })
      if (verdict.kind !== 'replay') continue
      writer.add(letter, verdict.place)
      pending += 1
      if (pending >= this.#chunk || writer.pendingBytes >= chunkBytes) await commit()
    }
    await commit()
  }

  get #chunk(): number {
    const { rate } = this.#setting.options
    if (rate === undefined) return chunkRecords
    return Math.max(1, Math.min(chunkRecords, Math.floor((rate * pacedMs) / 1_000)))
  }

  async #pace(): Promise<void> {
    const { options, environment, stopping } = this.#setting
    if (options.rate === undefined) return
    const { clock } = environment
    const dueUs = this.#startUs + (1e6 * this.#done) / options.rate
    const waitMs = (dueUs - clock.monotonicUs()) / 1_000
    if (waitMs > 0) await clock.sleep(waitMs, stopping)
  }
}

function isThere({ name, ranges }: TopicDescription, key: string): boolean {
  const [, topic, partition, offset] = /^(.+)\/(\d+)\/(\d+)$/.exec(key) ?? []
  // Of another topic, which the stage had before: it may come back.
  if (topic !== name || partition === undefined || offset === undefined) return true
  const range = ranges[Number(partition)]
  return range === undefined || BigInt(offset) >= range.start
}
