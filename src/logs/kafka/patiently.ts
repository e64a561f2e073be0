import { unlessAborted } from '../../core/unless-aborted.ts'
import { KafkaError } from './client/kafka-error.ts'
import type { KafkaContext } from './kafka-context.ts'
import { RetryDelay } from './retry-delay.ts'

const retryDelays = { firstMs: 20, maxMs: 5_000 }

/**
 * Repeats a request that may be sent again whatever became of it, until the cluster answers it.
 * @throws KafkaError what trying again does not help; CLOSED when the log is closed meanwhile.
 */
export async function patiently<Answer>(
  { clock, random, onTrouble, closing }: PatienceContext,
  request: () => Promise<Answer>,
): Promise<Answer> {
  const delay = new RetryDelay(retryDelays, random)
  for (;;) {
    try {
      const answer = await unlessAborted(request(), closing)
      if (closing.aborted) throw closedError(null)
      if (!delay.isFresh) onTrouble(null)
      return answer as Answer
    } catch (error) {
      if (!mayPass(error)) throw error
      if (error.code !== 'CONCURRENT_TRANSACTIONS') onTrouble(error)
      await clock.sleep(delay.next(), closing)
      if (closing.aborted) throw closedError(error)
    }
  }
}

export type PatienceContext = Pick<KafkaContext, 'clock' | 'random' | 'onTrouble' | 'closing'>

/** Whether the same request may be answered later. */
export function mayPass(error: unknown): error is KafkaError {
  return (
    error instanceof KafkaError &&
    (error.kind === 'retriable' || error.kind === 'indefinite' || error.kind === 'rebalance')
  )
}

function closedError(cause: KafkaError | null): KafkaError {
  const why = cause === null ? '' : ` (${cause.message})`
  const message = `the log was closed while it waited for the cluster${why}`
  return new KafkaError({ code: 'CLOSED', kind: 'fatal' }, message, { cause })
}
