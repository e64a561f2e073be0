import type { TopicChange, TopicSpec } from '../core/log.ts'
import { printableLine } from './printable.ts'
import type { TopicPlan } from './topic-plan.ts'

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const

/** A span as pipeline files write it, exactly. */
export function retentionText(retentionMs: number | null): string {
  if (retentionMs === null) return 'for ever'
  const [unit, unitMs] = units.find(([, each]) => retentionMs % each === 0) ?? ['ms', 1]
  return `${retentionMs / unitMs}${unit}`
}

/** The plan for people: what is created (`+`), changed (`~`), cannot be done (`!`) or is left to others (`?`). */
export function planLines(plan: TopicPlan, log: string): string[] {
  const { create, change, refused, notes, unchanged } = plan
  const rows: readonly (readonly [mark: string, name: string, text: string])[] = [
    ...create.map((topic) => ['+', topic.name, settingsText(topic)] as const),
    ...change
      .filter(({ to }) => !refused.some(({ name }) => name === to.name))
      .map(({ from, to }) => ['~', to.name, changeText(from, to)] as const),
    ...refused.map(({ name, reason }) => ['!', name, reason] as const),
    ...notes.map(({ name, note }) => ['?', name, note] as const),
  ]
  const width = Math.max(0, ...rows.map(([, name]) => name.length))
  return [
    `Topics on ${log}`,
    '',
    ...rows.map(
      ([mark, name, text]) => `  ${mark} ${printableLine(`${name.padEnd(width)}  ${text}`)}`,
    ),
    ...(rows.length === 0 ? [] : ['']),
    tallyText(plan, unchanged),
  ]
}

function settingsText({ partitions, retentionMs, cleanup, replication }: TopicSpec): string {
  const parts = [
    `${partitions} ${partitions === 1 ? 'partition' : 'partitions'}`,
    cleanup === 'compact'
      ? 'compacted'
      : `kept ${retentionMs === null ? '' : 'for '}${retentionText(retentionMs)}`,
    replication === undefined ? '' : `${replication} ${replication === 1 ? 'copy' : 'copies'}`,
  ]
  return parts.filter((part) => part !== '').join(', ')
}

function changeText(from: TopicSpec, to: TopicChange): string {
  const { partitions, retentionMs, cleanup } = to
  const parts = [
    partitions === undefined ? '' : `partitions ${from.partitions} -> ${partitions}`,
    retentionMs === undefined
      ? ''
      : `retention ${retentionText(from.retentionMs)} -> ${retentionText(retentionMs)}`,
    cleanup === undefined ? '' : `cleanup ${from.cleanup ?? 'delete'} -> ${cleanup}`,
  ]
  return parts.filter((part) => part !== '').join(', ')
}

function tallyText({ create, change, refused }: TopicPlan, unchanged: number): string {
  if (create.length + change.length + refused.length === 0) {
    return `Nothing to do: ${unchanged === 1 ? '1 topic is' : `${unchanged} topics are`} as wanted.`
  }
  const names = new Set(refused.map(({ name }) => name))
  const changes = change.filter(({ to }) => !names.has(to.name)).length
  const parts = [
    `${create.length} to create`,
    `${changes} to change`,
    `${unchanged} as wanted`,
    refused.length === 0 ? '' : `${refused.length} that cannot be done, so nothing is`,
  ]
  return `${parts.filter((part) => part !== '').join(', ')}.`
}

/** The plan as data, with the names of pipeline files. */
export function planJson({ create, change, refused, notes, unchanged }: TopicPlan): unknown {
  return {
    create: create.map(
      ({ name, partitions, retentionMs, cleanup = 'delete', replication = null }) => {
        return { name, partitions, retention_ms: retentionMs, cleanup, replication }
      },
    ),
    change: change.map(({ from, to: { name, partitions, retentionMs, cleanup } }) => ({
      name,
      ...(partitions === undefined
        ? {}
        : { partitions: { from: from.partitions, to: partitions } }),
      ...(retentionMs === undefined
        ? {}
        : { retention_ms: { from: from.retentionMs, to: retentionMs } }),
      ...(cleanup === undefined
        ? {}
        : { cleanup: { from: from.cleanup ?? 'delete', to: cleanup } }),
    })),
    refused,
    notes,
    unchanged,
  }
}
