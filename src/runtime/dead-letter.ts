import type { RecordFailure } from '../core/errors.ts'
import { encodeHeaders, type WrittenHeader } from '../core/record-batch.ts'

export interface DeadLetterOrigin {
  readonly stage: string
  readonly topic: string | null
  readonly partition: number
  readonly offset: number | null
  /** Replaces secrets in a text. */
  readonly mask: (text: string) => string
}

const maxMessageLength = 1_000

/** The original headers and, behind them, why and where the record failed. */
export function deadLetterHeaders(
  original: readonly WrittenHeader[],
  failure: RecordFailure,
  origin: DeadLetterOrigin,
): Uint8Array {
  const facts: readonly (readonly [string, string | null])[] = [
    ['millrace-dlq-stage', origin.stage],
    ['millrace-dlq-step', failure.step],
    ['millrace-dlq-code', failure.code],
    ['millrace-dlq-message', origin.mask(failure.message).slice(0, maxMessageLength)],
    ['millrace-dlq-attempts', String(failure.attempts)],
    ...originFacts('millrace-dlq', origin),
  ]
  return encodeHeaders([...original, ...present(facts)])
}

/** The original headers and, behind them, where the late record came from. */
export function lateHeaders(
  original: readonly WrittenHeader[],
  origin: Omit<DeadLetterOrigin, 'mask'>,
): Uint8Array {
  return encodeHeaders([
    ...original,
    ...present([['millrace-late-stage', origin.stage], ...originFacts('millrace-late', origin)]),
  ])
}

function originFacts(
  prefix: string,
  origin: Pick<DeadLetterOrigin, 'topic' | 'partition' | 'offset'>,
): (readonly [string, string | null])[] {
  if (origin.topic === null) return []
  return [
    [`${prefix}-topic`, origin.topic],
    [`${prefix}-partition`, String(origin.partition)],
    [`${prefix}-offset`, origin.offset === null ? null : String(origin.offset)],
  ]
}

function present(facts: readonly (readonly [string, string | null])[]): WrittenHeader[] {
  return facts.filter((fact): fact is [string, string] => fact[1] !== null)
}
