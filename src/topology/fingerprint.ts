import { hash } from 'node:crypto'
import type { PipelineSpec } from '../spec/pipeline-spec.ts'

/** Places in the file, and what says nothing about the run. */
const left = new Set(['path', 'description', 'tests', 'log', 'tracing'])

/**
 * Equal for pipelines that do the same: whatever is set, with all defaults, and nothing of how the file
 * is written. Secrets and variables count with their values, of which only a hash is left.
 */
export function fingerprintOf(spec: PipelineSpec): string {
  return hash('sha256', JSON.stringify(spec, plain), 'hex').slice(0, 16)
}

function plain(name: string, value: unknown): unknown {
  if (left.has(name)) return undefined
  if (value instanceof Map) return [...value]
  return name === 'definition' ? (value as { type: string }).type : value
}
