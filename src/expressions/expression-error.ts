import { PipelineError } from '../core/errors.ts'

/** An expression that cannot be compiled. */
export class ExpressionError extends PipelineError {
  /** Where in the source the trouble is, from 0, in UTF-16 units. */
  readonly offset: number

  constructor(message: string, offset: number) {
    super('CONFIG_EXPRESSION', message)
    this.offset = offset
  }
}
