import type { MetricDefinition } from './metric-definition.ts'

const unitWords: Readonly<Record<string, string>> = { s: 'seconds', By: 'bytes', '1': 'ratio' }

/**
 * What Prometheus calls a metric, by the same rules as when it is sent by OTLP: points become
 * underscores, the unit is at the end. Counters then end in `_total`.
 * @returns the unit only where the name has it.
 */
export function prometheusName(
  name: string,
  { unit, instrument }: Pick<MetricDefinition, 'unit' | 'instrument'>,
): { readonly base: string; readonly unit: string | null } {
  const word = unit === '1' && instrument !== 'gauge' ? undefined : unitWords[unit]
  const base = name.replaceAll(/[^a-zA-Z0-9_:]/g, '_')
  if (word === undefined) return { base, unit: null }
  return { base: base.endsWith(`_${word}`) ? base : `${base}_${word}`, unit: word }
}
