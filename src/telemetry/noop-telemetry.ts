import type { Telemetry } from '../core/telemetry.ts'

/** Measurements go nowhere but into the run's own report. */
export const noopTelemetry: Telemetry = { sliceCommitted: () => {} }
