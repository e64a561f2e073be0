/** What stands in the table of metrics, which is what all forms of them and the reference page come from. */
export interface MetricDefinition {
  readonly instrument: 'counter' | 'gauge' | 'histogram'
  /** As UCUM has it: `s`, `By`, `1`, `{message}`. */
  readonly unit: string
  readonly help: string
  /** Names of its attributes. */
  readonly attributes: readonly string[]
}
