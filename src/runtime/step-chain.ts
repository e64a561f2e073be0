import {
  dispositions,
  type Disposition,
  type DropReason,
  type StatefulContext,
  type StatefulOperator,
} from '../core/operator.ts'
import type { MadeRecord } from '../core/made-record.ts'
import { invariant, type RecordFailure } from '../core/errors.ts'
import { encodeJson } from '../core/json.ts'
import { StepRecord } from '../core/step-record.ts'
import type { Evaluate } from '../core/expression.ts'
import type { NodeStep, StageNode } from '../topology/topology.ts'
import { recordFailureOf } from './record-failure.ts'
import { segmentsOf } from './segments.ts'
import { isTrue, type Link, StepLink, type StepTrack } from './step-link.ts'
import { TaskState } from './task-state.ts'

/** What comes after the last step. */
export interface ChainEnd {
  /** The record, or a result of it, leaves the stage. */
  accept(record: StepRecord): void
  late(record: StepRecord): void
  /** The record lives on in the state of the step, under this key. */
  absorbed(step: string, key: string): void
  /** The step is about to make a record of what it has under this key. */
  making(step: string, key: string): void
  /** The result of a window has left the stage. */
  windowClosed(record: StepRecord): void
  /** A record that a step made failed in a later step. */
  madeFailed(made: MadeText, failure: RecordFailure): void
}

/** A record that a step made, as it was before later steps changed it. */
export interface MadeText extends Omit<MadeRecord, 'value' | 'failure'> {
  readonly valueText: string
}

/** Entries whose time has come at once, and leave in one commit. */
const maxWoken = 10_000

/** What the steps of a task keep. */
export interface KeptState {
  /** null: no step has windows. */
  readonly openWindows: number | null
  /** As the log keeps it. */
  readonly bytes: number
  /** Epoch ms; -Infinity while nothing is known. */
  readonly watermarkMs: number
}

/** Reads the event time of the record, or throws a `RecordFailure`; runs before the first step that needs it. */
export type DetermineEventTime = (record: StepRecord) => void

/** One bit per disposition, in the order of `dispositions`: of several results the lowest bit counts. */
const dispositionBit = Object.fromEntries(
  dispositions.map((name, index) => [name, 1 << index]),
) as Readonly<Record<Disposition, number>>

/**
 * The steps of a node, joined: a record goes in at the front, results come out at the end. Of a node with
 * steps that wait for something outside these are the steps behind the last of them.
 */
export class StepChain implements StepTrack {
  /** Bits of what became of the current record. */
  outcome = 0
  /** The step that is at work, to be named when it fails. */
  currentStep: string | null = null
  watermarkMs = Number.NEGATIVE_INFINITY
  /** Wall clock of the slice, epoch ms. */
  nowMs = 0
  #drops = new Map<string, number>()
  readonly #front: Link
  readonly #stateful: StatefulLink[] = []

  readonly #stage: string

  constructor(node: StageNode, end: ChainEnd, determineEventTime: DetermineEventTime) {
    this.#stage = node.stage
    const { after: steps } = segmentsOf(node.steps)
    const links = steps.map((step) => this.#linkOf(step, node))
    const chained: (StepLink | StatefulLink | EventTimeLink)[] = [...links]
    if (node.needsEventTime)
      chained.splice(eventTimeIndex(steps), 0, new EventTimeLink(determineEventTime))
    const last: Link = { accept: (record) => this.#leave(record, end) }
    for (const [index, link] of chained.entries()) link.next = chained[index + 1] ?? last
    for (const link of this.#stateful) link.end = end
    this.#front = chained[0] ?? last
  }

  /**
   * Runs the record through all steps.
   * @throws RecordFailure when it failed; its state changes are then to be taken back.
   */
  process(record: StepRecord): void {
    this.begin()
    this.#front.accept(record)
  }

  /** Forgets the record before; what `accept` takes then, in parts perhaps, is the next one. */
  begin(): void {
    this.outcome = 0
    this.currentStep = null
  }

  /** @throws as `process`. */
  accept(record: StepRecord): void {
    this.#front.accept(record)
  }

  get hasEmitted(): boolean {
    return (this.outcome & dispositionBit.emitted) !== 0
  }

  note(disposition: Disposition): void {
    this.outcome |= dispositionBit[disposition]
  }

  drop(reason: DropReason, step: string): void {
    this.outcome |= dispositionBit[reason]
    this.#drops.set(step, (this.#drops.get(step) ?? 0) + 1)
  }

  /** Records dropped since the last call, by step. */
  takeDrops(): ReadonlyMap<string, number> {
    const drops = this.#drops
    this.#drops = new Map()
    return drops
  }

  /**
   * The failure of the record at hand, with the step that it failed in.
   * @throws anything that is no failure of a record.
   */
  failureOf(thrown: unknown): RecordFailure {
    return recordFailureOf(thrown, { step: this.currentStep, stage: this.#stage })
  }

  acceptState(): void {
    for (const link of this.#stateful) link.state.accept()
  }

  rollBackState(): void {
    for (const link of this.#stateful) link.state.rollBack()
  }

  get states(): readonly { id: string; state: TaskState<unknown> }[] {
    return this.#stateful
  }

  /** null: no step keeps anything. */
  get kept(): KeptState | null {
    if (this.#stateful.length === 0) return null
    const windowed = this.#stateful.filter(({ operator }) => operator.hasWindows)
    const openWindows = windowed.reduce((sum, { state }) => sum + state.size, 0)
    return {
      openWindows: windowed.length === 0 ? null : openWindows,
      bytes: this.#stateful.reduce((sum, { state }) => sum + state.bytes, 0),
      watermarkMs: this.watermarkMs,
    }
  }

  /** Calls `onDue` for everything that is due at the watermark. */
  fireDue(): void {
    for (const link of this.#stateful) link.fireDue()
  }

  get flushEveryMs(): number | null {
    const all = this.#stateful.flatMap(({ operator }) => operator.flushEveryMs ?? [])
    return all.length === 0 ? null : Math.min(...all)
  }

  flush(): void {
    for (const link of this.#stateful) link.operator.onFlush(link)
    this.acceptState()
  }

  /** Calls `onDue` for what the wall clock has made due, up to `maxWoken` entries of each step. */
  wake(): void {
    for (const link of this.#stateful) link.wake()
    this.acceptState()
  }

  /** When the wall clock makes something due, epoch ms; Infinity where it never does. */
  get nextWakeMs(): number {
    return this.#stateful.reduce(
      (nextMs, { isWall, state }) => (isWall ? Math.min(nextMs, state.nextDueMs) : nextMs),
      Number.POSITIVE_INFINITY,
    )
  }

  /** Whether a step holds as much back as it may. */
  get isFull(): boolean {
    return this.#stateful.some(
      ({ operator, state }) => state.bytes > (operator.maxBytes ?? Number.POSITIVE_INFINITY),
    )
  }

  /** The bounded input has ended. Returns where the watermark moves to, or null. */
  finish(): number | null {
    const moved = this.#stateful.flatMap((link) => link.operator.onEnd(link) ?? [])
    this.acceptState()
    return moved.length === 0 ? null : Math.max(...moved)
  }

  #linkOf(step: NodeStep, node: StageNode): StepLink | StatefulLink {
    const { definition, config } = step
    if (definition.kind === 'stateless') return new StepLink(this, step, definition.create(config))
    invariant(definition.kind === 'stateful', 'steps that wait come before the chain')
    if (step.part === 'project') return new StepLink(this, step, definition.project!(config))
    const operator = definition.create(config)
    const link = new StatefulLink(this, step, {
      operator,
      state: new TaskState(step.id, operator.codec, node.settings.maxKeys),
    })
    this.#stateful.push(link)
    return link
  }

  #leave(record: StepRecord, end: ChainEnd): void {
    this.currentStep = null
    this.outcome |= dispositionBit.emitted
    end.accept(record)
  }
}

/** Before the first step that needs the event time, so that steps before may prepare it; else at the end. */
function eventTimeIndex(steps: readonly NodeStep[]): number {
  const first = steps.findIndex((step) => step.definition.kind === 'stateful')
  return first === -1 ? steps.length : first
}

class EventTimeLink implements Link {
  next: Link = this
  readonly #determine: DetermineEventTime

  constructor(determine: DetermineEventTime) {
    this.#determine = determine
  }

  accept(record: StepRecord): void {
    if (!record.isMade) this.#determine(record)
    this.next.accept(record)
  }
}

class StatefulLink implements Link, StatefulContext<unknown> {
  next: Link = this
  end: ChainEnd | null = null
  readonly id: string
  readonly operator: StatefulOperator<unknown>
  readonly state: TaskState<unknown>
  readonly #chain: StepChain
  readonly #if: Evaluate | null
  readonly #made = new StepRecord()
  /** Results are those of windows. */
  readonly #isWindowed: boolean
  /** Due times are of the wall clock. */
  readonly isWall: boolean

  constructor(
    chain: StepChain,
    step: NodeStep,
    parts: { operator: StatefulOperator<unknown>; state: TaskState<unknown> },
  ) {
    this.id = step.id
    this.operator = parts.operator
    this.state = parts.state
    this.#chain = chain
    this.#if = step.if
    this.#isWindowed = parts.operator.hasWindows === true
    this.isWall = parts.operator.timers === 'wall'
  }

  get watermarkMs(): number {
    return this.#chain.watermarkMs
  }

  get nowMs(): number {
    return this.#chain.nowMs
  }

  accept(record: StepRecord): void {
    this.#chain.currentStep = this.id
    if (this.#if !== null && !isTrue(this.#if(record))) this.next.accept(record)
    else this.operator.process(record, this)
  }

  emit(record: StepRecord): void {
    this.next.accept(record)
  }

  drop(reason: DropReason): void {
    this.#chain.drop(reason, this.id)
  }

  absorb(): void {
    this.#chain.note('absorbed')
    this.end!.absorbed(this.id, this.state.lastKey)
  }

  late(record: StepRecord): void {
    this.#chain.note('late')
    this.end!.late(record)
  }

  produce(made: MadeRecord): void {
    const { outcome } = this.#chain
    // Later steps change the value in place; its dead letter shows it as it was made.
    const valueText = encodeJson(made.value)
    const marks = this.#chain.states.map(({ state }) => state.mark)
    this.#made.make(made)
    this.end!.making(this.id, this.state.lastKey)
    try {
      this.#chain.currentStep = this.id
      if (made.failure !== undefined) throw made.failure
      this.#chain.outcome = 0
      this.next.accept(this.#made)
      if (this.#chain.hasEmitted && this.#isWindowed) this.end!.windowClosed(this.#made)
    } catch (thrown) {
      const failure = this.#chain.failureOf(thrown)
      for (const [index, { state }] of this.#chain.states.entries()) state.rollBack(marks[index])
      this.end!.madeFailed({ ...made, valueText }, failure)
    }
    this.#chain.outcome = outcome
  }

  fireDue(): void {
    if (!this.isWall) this.#fire(this.watermarkMs, Number.POSITIVE_INFINITY)
  }

  wake(): void {
    if (this.isWall) this.#fire(this.nowMs, maxWoken)
  }

  #fire(upToMs: number, most: number): void {
    for (let fired = 0; fired < most; fired++) {
      const key = this.state.takeDue(upToMs)
      if (key === null) return
      const value = this.state.get(key)
      this.operator.onDue(key, value, this)
    }
  }
}
