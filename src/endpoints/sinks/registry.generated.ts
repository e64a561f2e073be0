// Written by `npm run gen`.
import type { SinkDefinition } from '../../core/endpoints.ts'

export const sinks: readonly SinkDefinition[] = []
