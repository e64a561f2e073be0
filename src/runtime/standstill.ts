import type { PipelineError } from '../core/errors.ts'
import type { StageMeter } from './stage-meter.ts'
import type { PeerTrouble } from './peer-calls.ts'
import type { ProgressBoard } from './progress-board.ts'
import type { TaskEvents } from './task-events.ts'

export interface StandstillOptions {
  /** Of the task. */
  readonly id: string
  readonly stage: string
  readonly board: ProgressBoard
  readonly events: TaskEvents
  readonly meter: StageMeter
  readonly notice: (message: string) => void
  readonly phase: (phase: 'blocked' | 'working') => void
}

/** Says that a task waits for a peer or for room on the disk, and that it works again. */
export class Standstill implements PeerTrouble {
  readonly #options: StandstillOptions

  constructor(options: StandstillOptions) {
    this.#options = options
  }

  blocked({ code, message }: PipelineError): void {
    const { id, stage, board, events, notice, phase } = this.#options
    phase('blocked')
    // What waits for the peer is still to come, so that readers have to wait for it too.
    board.setBusy(id)
    notice(`the stage "${stage}" is blocked: ${message}; it tries again by itself (${code})`)
    events.publish('stage_blocked', { code, message })
  }

  unblocked(): void {
    const { stage, events, notice, phase } = this.#options
    phase('working')
    notice(`the stage "${stage}" works again`)
    events.publish('stage_unblocked', {})
  }

  retried({ code }: PipelineError): void {
    this.#options.meter.operations.retried(code)
  }

  rejected({ code, message }: PipelineError, attempt: number): void {
    this.#options.events.publish('record_retried', { attempt, code, message })
  }
}
