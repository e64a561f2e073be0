import { manifestTopic } from './manifest-topic.ts'
import { taskTopic } from './task-registry.ts'

const stateTopics = /\.(?:changelog|control)$/

/** Whether a topic holds what Millrace keeps for itself, and no records of a pipeline. */
export function isOwnTopic(topic: string): boolean {
  return topic.startsWith('_millrace.') || stateTopics.test(topic)
}

/** Whether it is one of those of which nothing may be lost: the others, such as timings, grow old and go. */
export function isKeptTopic(topic: string): boolean {
  return topic === manifestTopic || topic === taskTopic || stateTopics.test(topic)
}
