import type { Clock } from '../../core/clock.ts'
import { armFailpoint, type ReachFailpoint } from '../arm-failpoint.ts'
import type { KafkaClient } from './client/kafka-client.ts'

/**
 * Places at which a test can have the process killed. In the order in which a commit in a transaction
 * passes them; then those of a commit without; the first one lies in opening a task.
 */
export const kafkaFailpoints = [
  'after-init',
  'before-partitions',
  'after-partitions',
  'after-produce',
  'after-add-offsets',
  'after-offsets',
  'before-end',
  'after-end-sent',
  'after-end-answered',
  'before-positions',
  'after-positions-sent',
  'after-positions',
] as const
export type KafkaFailpoint = (typeof kafkaFailpoints)[number]

/** The client as it is, unless a failpoint is armed: then it stops the process there. */
export function withFailpoints(
  client: KafkaClient,
  { clock, failpoint }: { readonly clock: Clock; readonly failpoint: string | undefined },
): KafkaClient {
  if (failpoint === undefined) return client
  const reach: ReachFailpoint<KafkaFailpoint> = armFailpoint(failpoint)
  const after = async <Answer>(point: KafkaFailpoint, answer: Promise<Answer>) => {
    const answered = await answer
    reach(point)
    return answered
  }
  /** The request has been handed to the operating system by the next turn of the event loop. */
  const sent = async <Answer>(point: KafkaFailpoint, answer: Promise<Answer>) => {
    answer.catch(() => {})
    await clock.sleep(0)
    reach(point)
    return answer
  }
  return {
    ...client,
    initProducer: (id, timeoutMs) => {
      const answer = client.initProducer(id, timeoutMs)
      return id === null ? answer : after('after-init', answer)
    },
    addPartitions: (transaction, partitions) => {
      reach('before-partitions')
      return after('after-partitions', client.addPartitions(transaction, partitions))
    },
    produce: (node, request) => after('after-produce', client.produce(node, request)),
    addOffsets: (transaction, group) =>
      after('after-add-offsets', client.addOffsets(transaction, group)),
    commitTransactionOffsets: (...args) =>
      after('after-offsets', client.commitTransactionOffsets(...args)),
    endTransaction: (transaction, outcome) => {
      reach('before-end')
      const answer = client.endTransaction(transaction, outcome)
      return after('after-end-answered', sent('after-end-sent', answer))
    },
    commitOffsets: (...args) => {
      reach('before-positions')
      const answer = client.commitOffsets(...args)
      return after('after-positions', sent('after-positions-sent', answer))
    },
  }
}
