import { PipelineError } from '../core/errors.ts'

/** What a peer answers in a test: `ok`, a status of HTTP, or that there is no answer. */
export type PeerAnswer = number | 'ok' | 'timeout' | 'refused'

/** Stands for the peer of a sink in a test: its next answers are planned, and after them all goes well. */
export class FailingPeer {
  /** Whether the last attempt has failed, and another one is still to come. */
  hasFailed = false
  readonly #maxAttempts: number
  #answers: readonly PeerAnswer[] = []
  #rejected = 0

  /** @param maxAttempts after so many refusals the stage gives up. */
  constructor(maxAttempts: number) {
    this.#maxAttempts = maxAttempts
  }

  /** Takes the place of what was planned before. */
  plan(answers: readonly PeerAnswer[]): void {
    this.#answers = answers
  }

  /** @throws PipelineError PEER_UNAVAILABLE or PEER_REJECTED, as the next answer says. */
  answer(): void {
    const [next = 'ok', ...others] = this.#answers
    this.#answers = others
    const error = errorOf(next)
    if (error?.code === 'PEER_REJECTED') this.#rejected += 1
    const isOver = error === null || this.#rejected >= this.#maxAttempts
    if (isOver) this.#rejected = 0
    this.hasFailed = !isOver
    if (error !== null) throw error
  }
}

/** As a sink would take such an answer; null where it is a good one. */
function errorOf(answer: PeerAnswer): PipelineError | null {
  if (answer === 'ok' || (typeof answer === 'number' && answer < 400)) return null
  if (answer === 'timeout')
    return new PipelineError('PEER_UNAVAILABLE', 'the peer did not answer in time')
  if (answer === 'refused')
    return new PipelineError('PEER_UNAVAILABLE', 'the peer refused the connection')
  const isAway = answer === 429 || answer >= 500
  return new PipelineError(
    isAway ? 'PEER_UNAVAILABLE' : 'PEER_REJECTED',
    `the peer answered ${answer}`,
  )
}
