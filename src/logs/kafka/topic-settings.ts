import type { Cleanup, TopicSpec } from '../../core/log.ts'

type TopicConfig = ReadonlyMap<string, string> | undefined

const defaultRetentionMs = 7 * 24 * 60 * 60_000

/** null: for ever. */
export function retentionOf(config: TopicConfig): number | null {
  const text = config?.get('retention.ms')
  if (text === undefined) return defaultRetentionMs
  const ms = Number(text)
  return ms < 0 ? null : ms
}

export function cleanupOf(config: TopicConfig): Cleanup {
  return (config?.get('cleanup.policy') ?? 'delete').includes('compact') ? 'compact' : 'delete'
}

/** Kafka's names of the settings that are given. */
export function kafkaConfig({
  retentionMs,
  cleanup,
}: Partial<Pick<TopicSpec, 'retentionMs' | 'cleanup'>>): Record<string, string> {
  return {
    ...(retentionMs === undefined ? {} : { 'retention.ms': String(retentionMs ?? -1) }),
    ...(cleanup === undefined ? {} : { 'cleanup.policy': cleanup }),
  }
}
