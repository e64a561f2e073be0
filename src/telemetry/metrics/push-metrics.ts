import type { Clock } from '../../core/clock.ts'
import type { Attributes, Metric } from '../../core/metric.ts'
import type { OtlpSetting } from '../../core/otlp-setting.ts'
import type { MetricsSetting } from '../../core/telemetry-setting.ts'

/** Sends metrics to a collector. */
export interface MetricsExporter {
  /** Resolves to whether the collector has taken them; never rejects. */
  export(metrics: readonly Metric[], times: ExportTimes): Promise<boolean>
  close(): Promise<void>
}

export interface MetricsExporterOptions {
  readonly otlp: OtlpSetting
  readonly setting: MetricsSetting
  readonly resource: Attributes
  /** The version of Millrace. */
  readonly version: string
}

/** Epoch ms. */
export interface ExportTimes {
  readonly startMs: number
  readonly nowMs: number
}

export interface PushOptions {
  readonly exporter: MetricsExporter
  readonly collect: () => Promise<readonly Metric[]>
  readonly clock: Clock
  readonly intervalMs: number
  /** Told of the first export that did not succeed, and when one does again. */
  readonly notice: (message: string) => void
}

/** A collector that is down does not keep a run from ending for longer. */
export const lastExportMs = 2_000

/** Exports every now and then, and once more at the end. A collector that is away costs nothing but counts. */
export class MetricsPush {
  readonly #options: PushOptions
  readonly #startMs: number
  readonly #over = new AbortController()
  readonly #pushing: Promise<void>
  exported = 0
  failed = 0
  #isAway = false

  constructor(options: PushOptions) {
    this.#options = options
    this.#startMs = options.clock.wallMs()
    this.#pushing = this.#push()
  }

  async close(): Promise<void> {
    const { clock, exporter } = this.#options
    this.#over.abort()
    const late = new AbortController()
    const last = this.#pushing.then(() => this.#exportOnce()).finally(() => late.abort())
    await Promise.race([last, clock.sleep(lastExportMs, late.signal)])
    void exporter.close().catch(() => {})
  }

  async #push(): Promise<void> {
    const { clock, intervalMs } = this.#options
    while (!this.#over.signal.aborted) {
      await clock.sleep(intervalMs, this.#over.signal)
      if (!this.#over.signal.aborted) await this.#exportOnce()
    }
  }

  async #exportOnce(): Promise<void> {
    const { collect, exporter, clock, notice } = this.#options
    const metrics = await collect().catch(() => null)
    if (metrics === null) return
    const isTaken = await exporter.export(metrics, {
      startMs: this.#startMs,
      nowMs: clock.wallMs(),
    })
    if (isTaken) this.exported += 1
    else this.failed += 1
    if (this.#isAway === !isTaken) return
    this.#isAway = !isTaken
    notice(
      isTaken
        ? 'the collector takes metrics again'
        : 'the collector does not take metrics; they are sent again at the next turn',
    )
  }
}
