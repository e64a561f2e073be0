import { asPipelineError, PipelineError, type ErrorCode } from '../../core/errors.ts'
import { KafkaError } from './client/kafka-error.ts'
import { isOwnTopic } from './own-topics.ts'

const codes: Readonly<Record<KafkaError['kind'], ErrorCode>> = {
  retriable: 'PEER_UNAVAILABLE',
  indefinite: 'PEER_UNAVAILABLE',
  rebalance: 'PEER_UNAVAILABLE',
  abortable: 'LOG_IO',
  fenced: 'LOG_FENCED',
  config: 'LOG_REFUSED',
  fatal: 'LOG_IO',
}

/** What leaves this folder: errors of the cluster as errors of the table. */
export function toPipelineError(thrown: unknown, doing: string): PipelineError {
  if (!(thrown instanceof KafkaError)) return asPipelineError(thrown)
  // Whoever opens the task again knows how large records may be.
  const { topic } = thrown
  const code = topic === null || isOwnTopic(topic) ? codes[thrown.kind] : 'RECORD_TOO_LARGE'
  return new PipelineError(code, `${doing}: ${thrown.message}`, { cause: thrown })
}

/** @throws PipelineError */
export async function translated<Result>(
  doing: string,
  action: () => Promise<Result>,
): Promise<Result> {
  try {
    return await action()
  } catch (thrown) {
    throw toPipelineError(thrown, doing)
  }
}
