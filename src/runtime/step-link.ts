import { RecordFailure } from '../core/errors.ts'
import type { Evaluate } from '../core/expression.ts'
import type { JsonValue } from '../core/json.ts'
import type { DropReason, OperatorContext, StatelessOperator } from '../core/operator.ts'
import type { StepRecord } from '../core/step-record.ts'
import type { NodeStep } from '../topology/topology.ts'

/** What takes the record next. */
export interface Link {
  accept(record: StepRecord): void
}

/** Keeps what becomes of the record at hand. */
export interface StepTrack {
  /** The step that is at work, to be named when it fails. */
  currentStep: string | null
  drop(reason: DropReason, step: string): void
}

/** A step without state, between the one before and the one behind it. */
export class StepLink implements Link, OperatorContext {
  next: Link = this
  readonly id: string
  readonly #track: StepTrack
  readonly #if: Evaluate | null
  readonly #operator: StatelessOperator

  constructor(track: StepTrack, step: NodeStep, operator: StatelessOperator) {
    this.id = step.id
    this.#track = track
    this.#if = step.if
    this.#operator = operator
  }

  accept(record: StepRecord): void {
    this.#track.currentStep = this.id
    if (this.#if !== null && !isTrue(this.#if(record))) this.next.accept(record)
    else this.#operator.process(record, this)
  }

  emit(record: StepRecord): void {
    this.next.accept(record)
  }

  drop(reason: DropReason): void {
    this.#track.drop(reason, this.id)
  }
}

/** As in `filter`: false and null leave the step out. */
export function isTrue(value: JsonValue): boolean {
  if (typeof value === 'boolean' || value === null) return value === true
  throw new RecordFailure('RECORD_TYPE', 'the condition of `if` is neither true nor false')
}
