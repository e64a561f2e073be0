import type { LogFinding } from '../core/log.ts'

/** One thing that `doctor` looked at. */
export type Finding = LogFinding
