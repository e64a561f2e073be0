import { manifestTopic } from './manifest-topic.ts'
import { taskTopic } from './task-registry.ts'

/** Whether a topic holds what Millrace keeps for itself, and no records of a pipeline. */
export function isOwnTopic(topic: string): boolean {
  return topic === manifestTopic || topic === taskTopic || /\.(?:changelog|control)$/.test(topic)
}
