import { hostname } from 'node:os'
import { watchEventLoop } from '../clock/event-loop.ts'
import { messageOf, PipelineError } from '../core/errors.ts'
import type { Attributes, Metric } from '../core/metric.ts'
import type { SpanCounts, Telemetry, Tracing } from '../core/telemetry.ts'
import { runMetrics } from '../runtime/run-metrics.ts'
import { ExemplarStore } from '../telemetry/metrics/exemplar-store.ts'
import { limitSeries } from '../telemetry/metrics/limit-series.ts'
import type { MetricsServer } from '../telemetry/metrics/metrics-server.ts'
import { processMetrics, type WatchedProcess } from '../telemetry/metrics/process-metrics.ts'
import { ProcessWatch } from '../telemetry/metrics/process-watch.ts'
import { MetricsPush } from '../telemetry/metrics/push-metrics.ts'
import type { MeasuredRun, ProcessPart } from './measured-run.ts'
import { metricsAddress, shownAddress, type MetricsAddress } from './metrics-address.ts'
import { packageVersion } from './package-files.ts'
import type { Setting } from './run-setting.ts'

const noSpans: SpanCounts = {
  exported: 0,
  dropped: { limit: 0, queue: 0, export: 0, shutdown: 0 },
  recordsLeftOut: 0,
}

/** The metrics of a run: made when they are asked for, served and sent while it runs. */
export class RunTelemetry {
  readonly #setting: Setting
  readonly #exemplars = new ExemplarStore()
  /** null: nobody wants to know. */
  #watch: ProcessWatch | null = null
  #run: MeasuredRun | null = null
  #server: MetricsServer | null = null
  #push: MetricsPush | null = null
  #overflows = 0
  #tracing: Tracing | null = null

  constructor(setting: Setting) {
    this.#setting = setting
  }

  /**
   * Begins to serve and to send what the setting names; a worker leaves that to who started it.
   * @throws PipelineError CONFIG_USAGE when an address that was asked for cannot be had.
   */
  async open(): Promise<void> {
    const { environment, options, telemetry } = this.#setting
    const isWorker = environment.supervisor !== null
    const address = isWorker ? null : metricsAddress(options, telemetry)
    if (!isWorker && address === null && telemetry.metrics.otlp === null) return
    this.#watch = new ProcessWatch(environment.clock, watchEventLoop())
    if (isWorker) return
    if (address !== null) await this.#serve(address)
    await this.#startPush()
  }

  /** Where spans go; to be said before the run starts. */
  trace(tracing: Tracing): void {
    this.#tracing = tracing
  }

  /** From now on there is something to measure. */
  watch(run: MeasuredRun): void {
    this.#run = run
  }

  /** The same telemetry, of which the ids of traced records are kept beside their measurements. */
  withExemplars(telemetry: Telemetry): Telemetry {
    const tracing = this.#tracing
    if (tracing === null) return telemetry
    if (!this.#setting.telemetry.metrics.exemplars) return { ...telemetry, tracing }
    const exemplars = this.#exemplars
    return {
      sliceCommitted: (slice) => telemetry.sliceCommitted(slice),
      tracing: {
        ratio: tracing.ratio,
        reserve: (nowUs) => tracing.reserve(nowUs),
        settle: (reserve, spans) => tracing.settle(reserve, spans),
        leftOut: (records) => tracing.leftOut(records),
        replayed: (replay) => tracing.replayed(replay),
        hooked: (hook) => tracing.hooked(hook),
        get counts() {
          return tracing.counts
        },
        committed: (traces) => {
          exemplars.add(traces)
          tracing.committed(traces)
        },
      },
    }
  }

  /** For the process that started this one. */
  own(): ProcessPart | null {
    const watched = this.#watched()
    return watched === null ? null : { ...watched, exemplars: this.#exemplars.toData() }
  }

  async close(): Promise<void> {
    await this.#push?.close()
    await this.#server?.close()
    this.#watch?.close()
  }

  async #serve(address: MetricsAddress): Promise<void> {
    const { log } = this.#setting
    const { MetricsServer } = await import('../telemetry/metrics/metrics-server.ts')
    const server = new MetricsServer({
      ...address,
      collect: () => this.#collect(),
      resource: this.#resource(),
      readiness: () => this.#run?.readiness() ?? { isReady: false, says: 'starting' },
    })
    try {
      const port = await server.listen()
      this.#server = server
      log('info', `metrics are at http://${shownAddress({ ...address, port })}/metrics`)
    } catch (thrown) {
      const problem = `metrics cannot be served at ${shownAddress(address)}: ${messageOf(thrown)}`
      if (!address.isRequired) return log('warn', problem)
      throw new PipelineError('CONFIG_USAGE', `${problem}; choose another address`, {
        cause: thrown,
      })
    }
  }

  async #startPush(): Promise<void> {
    const { environment, telemetry, log } = this.#setting
    const { otlp } = telemetry.metrics
    const { openMetricsExporter, clock } = environment
    if (otlp === null || openMetricsExporter === undefined) return
    const exporter = await openMetricsExporter({
      otlp,
      setting: telemetry.metrics,
      resource: this.#resource(),
      version: packageVersion(),
    })
    this.#push = new MetricsPush({
      exporter,
      collect: () => this.#collect(),
      clock,
      intervalMs: telemetry.metrics.exportIntervalMs,
      notice: (message) => log('warn', message),
    })
  }

  #resource(): Attributes {
    const { serviceName, resourceAttributes } = this.#setting.telemetry
    const known: Attributes = [
      ['service.name', serviceName ?? 'millrace'],
      ['service.version', packageVersion()],
      ['service.instance.id', `${hostname()}/${process.pid}`],
    ]
    return [...known.filter(([name]) => !resourceAttributes.has(name)), ...resourceAttributes]
  }

  async #collect(): Promise<readonly Metric[]> {
    const { environment, choice } = this.#setting
    const workers = this.#run?.workers() ?? []
    for (const { own } of workers) if (own !== null) this.#exemplars.addData(own.exemplars)
    const parts = (await this.#run?.parts()) ?? []
    const { metrics, overflows } = limitSeries([
      ...runMetrics(parts, {
        system: choice.kind === 'embedded' ? 'millrace' : 'kafka',
        nowUs: environment.clock.monotonicUs(),
        exemplars: (place, measured) => this.#exemplars.of(place, measured),
      }),
      ...processMetrics(this.#processes(workers)),
      ...this.#selfMetrics(workers),
    ])
    this.#overflows = overflows
    return metrics
  }

  /** null: nobody wants to know. */
  #watched(): Omit<WatchedProcess, 'worker'> | null {
    if (this.#watch === null) return null
    return { sample: this.#watch.sample(), spans: this.#tracing?.counts ?? noSpans }
  }

  #processes(workers: ReturnType<MeasuredRun['workers']>): WatchedProcess[] {
    const all = [{ worker: 'main', own: this.#watched() }, ...workers]
    return all.flatMap(({ worker, own }) =>
      own === null ? [] : [{ worker: String(worker), sample: own.sample, spans: own.spans }],
    )
  }

  #selfMetrics(workers: ReturnType<MeasuredRun['workers']>): Metric[] {
    const push = this.#push
    const main = ['millrace.worker', 'main'] as const
    return [
      {
        name: 'millrace.metrics.exports',
        points:
          push === null
            ? []
            : [
                { attributes: [main, ['outcome', 'ok']], value: push.exported },
                { attributes: [main, ['outcome', 'failed']], value: push.failed },
              ],
      },
      { name: 'millrace.metrics.overflows', points: [{ attributes: [], value: this.#overflows }] },
      {
        name: 'millrace.worker.starts',
        points: workers.map(({ worker, starts }) => ({
          attributes: [['millrace.worker', String(worker)]],
          value: starts,
        })),
      },
    ]
  }
}
