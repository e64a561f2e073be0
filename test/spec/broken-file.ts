export interface BrokenFile {
  readonly rule: string
  readonly text: string
  /** Of each finding, in the order of the file: where, which code, and parts of what is said. */
  readonly found: readonly (readonly [place: string, code: string, ...parts: string[]])[]
}
