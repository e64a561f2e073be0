import type { KafkaContext } from '../kafka-context.ts'
import { patiently } from '../patiently.ts'
import { translated } from '../pipeline-error.ts'

/** As `TaskLog.recordLimits`, for what the task writes. */
export function recordLimits(
  context: KafkaContext,
  task: string,
  topics: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  return translated(`asking how large records of ${task} may be`, async () => {
    const { limits } = context
    const found = topics.map(async (topic) => {
      const bytes = await patiently(context, () => limits.maxRecordBytes(topic, task))
      return [topic, bytes] as const
    })
    return new Map(await Promise.all(found))
  })
}
