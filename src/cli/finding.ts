/** One thing that `doctor` looked at. */
export interface Finding {
  readonly name: string
  readonly status: 'ok' | 'warning' | 'wrong'
  readonly text: string
}
