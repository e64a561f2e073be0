import type { ErrorCode } from '../core/errors.ts'
import { ConfigErrors, formatPath, type Diagnostic } from './diagnostic.ts'
import type { ConfigPath } from './pipeline-spec.ts'
import type { LineIndex, SourceMap, SourcePosition } from './source-map.ts'

export interface Finding {
  readonly code: ErrorCode
  readonly message: string
  readonly hint?: string | undefined
}

/** A file with more than this is told about in parts. */
export const maxFindings = 100

/** Collects what is wrong with a file, so that all of it can be told at once. */
export class Findings {
  /** Values that no message may show. */
  readonly secrets = new Set<string>()
  source: SourceMap | null = null
  readonly #file: string
  readonly #lines: LineIndex
  readonly #diagnostics: Diagnostic[] = []
  readonly #known = new Set<string>()

  constructor(file: string, lines: LineIndex) {
    this.#file = file
    this.#lines = lines
  }

  get count(): number {
    return this.#diagnostics.length
  }

  positionOf(offset: number): SourcePosition {
    return this.#lines.positionOf(offset)
  }

  /** About the value at a path, or what should be there. */
  at(path: ConfigPath, finding: Finding): void {
    this.#add(finding, { ...this.#source.locate(path), path: formatPath(path) })
  }

  /** About the name of the entry at a path. */
  atKey(path: ConfigPath, finding: Finding): void {
    this.#add(finding, { ...this.#source.locateKey(path), path: formatPath(path) })
  }

  /** About a place in the text, before there are paths. */
  atOffset(offset: number, finding: Finding, path: ConfigPath = []): void {
    this.#add(finding, { ...this.#lines.positionOf(offset), path: formatPath(path) })
  }

  /** @throws ConfigErrors when there is an error. */
  throwIfAny(): void {
    const [first, ...rest] = this.#sorted('error')
    if (first !== undefined) throw new ConfigErrors([first, ...rest])
  }

  warnings(): Diagnostic[] {
    return this.#sorted('warning')
  }

  get #source(): SourceMap {
    if (this.source === null) throw new TypeError('findings by path need a source map')
    return this.source
  }

  #add(finding: Finding, place: { line: number; column: number; path: string }): void {
    const { code, message, hint } = finding
    const diagnostic: Diagnostic = {
      severity: 'error',
      code,
      message: this.#mask(message),
      file: this.#file,
      ...place,
      ...(hint === undefined ? {} : { hint: this.#mask(hint) }),
    }
    const identity = `${place.line}:${place.column} ${diagnostic.message}`
    if (this.#known.has(identity)) return
    this.#known.add(identity)
    this.#diagnostics.push(diagnostic)
    if (this.#diagnostics.length >= maxFindings) this.throwIfAny()
  }

  #sorted(severity: Diagnostic['severity']): Diagnostic[] {
    return this.#diagnostics
      .filter((diagnostic) => diagnostic.severity === severity)
      .toSorted((left, right) => left.line - right.line || left.column - right.column)
  }

  #mask(text: string): string {
    let masked = text
    for (const secret of this.secrets) {
      if (secret !== '') masked = masked.replaceAll(secret, '***')
    }
    return masked
  }
}
