import { messageOf, PipelineError } from '../core/errors.ts'

/** What programs and libraries say of a peer that is not there, as Node names it. */
const awayCodes: ReadonlySet<unknown> = new Set([
  'PEER_UNAVAILABLE',
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
])

/** How far down a chain of causes the code of a broken connection is looked for. */
const maxCauses = 4

/**
 * Whether what a listener threw says that the peer is away: no other event would fare better then. Null
 * where it says no such thing, and so that this event was refused.
 */
export function awayError(thrown: unknown): PipelineError | null {
  if (thrown instanceof PipelineError)
    return thrown.kind === 'unavailable' || thrown.kind === 'full' ? thrown : null
  let cause = thrown
  for (let depth = 0; depth < maxCauses && cause instanceof Error; depth++) {
    if (awayCodes.has((cause as { code?: unknown }).code))
      return new PipelineError('PEER_UNAVAILABLE', messageOf(cause), { cause: thrown })
    cause = cause.cause
  }
  return null
}
