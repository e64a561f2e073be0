import type { SpanCounts } from '../core/telemetry.ts'
import type { RunPart } from '../runtime/run-part.ts'
import type { Run } from '../runtime/start-run.ts'
import type { ExemplarData } from '../telemetry/metrics/exemplar-store.ts'
import type { Readiness } from '../telemetry/metrics/metrics-server.ts'
import type { ProcessSample } from '../telemetry/metrics/process-watch.ts'

/** What a worker measured of itself. */
export interface ProcessPart {
  readonly sample: ProcessSample
  readonly spans: SpanCounts
  readonly exemplars: ExemplarData
}

/** What is measured, once it runs. */
export interface MeasuredRun {
  parts(): Promise<readonly RunPart[]>
  readiness(): Readiness
  /** The processes beside this one, by the number of their worker. */
  workers(): readonly {
    readonly worker: number
    readonly starts: number
    readonly own: ProcessPart | null
  }[]
}

/** One process by itself. @param stopping aborts when the run is to end. */
export function measuredRun(run: Run, stopping: AbortSignal): MeasuredRun {
  return {
    parts: async () => [await run.part()],
    workers: () => [],
    readiness: () => {
      if (stopping.aborted) return { isReady: false, says: 'stopping' }
      const failed = run.runs.find(({ error }) => error !== null)
      if (failed === undefined) return { isReady: true, says: 'ready' }
      return { isReady: false, says: `the pipeline ${failed.topology.pipeline} has failed` }
    },
  }
}
