import { PipelineError } from '../../../core/errors.ts'
import type { TaskLog, TaskSpec } from '../../../core/log.ts'
import { patiently } from '../patiently.ts'
import type { KafkaContext } from '../kafka-context.ts'
import { TransactionalProducer } from '../producing/transactional-producer.ts'
import { Changelog } from '../state/changelog.ts'
import type { TaskRegistry } from '../task-registry.ts'
import { AtLeastOnceTask } from './at-least-once-task.ts'
import { ExactlyOnceTask } from './exactly-once-task.ts'
import { startPositions, type Position } from './start-positions.ts'
import { TaskGround } from './task-ground.ts'

/** What commits in transactions has state, or its outputs exactly once. */
export function openTask(
  context: KafkaContext,
  registry: TaskRegistry,
  spec: TaskSpec,
): Promise<TaskLog> {
  const isTransactional = spec.delivery !== 'at_least_once' || spec.changelog !== undefined
  return isTransactional
    ? openExactlyOnce(context, registry, spec)
    : openAtLeastOnce(context, registry, spec)
}

async function openAtLeastOnce(
  context: KafkaContext,
  registry: TaskRegistry,
  spec: TaskSpec,
): Promise<TaskLog> {
  const { client } = context
  const { id, group, inputs, start } = spec
  // A place that moves: once the group has lost it nobody knows what was read from there on.
  const isKept = start === 'latest' && inputs.length > 0
  const record = isKept ? await registry.find(spec) : null
  const ground = await TaskGround.look(context, spec, record)
  ground.assertKept()
  const committed =
    inputs.length === 0 ? [] : await patiently(context, () => client.fetchOffsets(group, inputs))
  const { positions, begun } = await startPositions(context, spec, {
    ground,
    committed,
    note: null,
  })
  if (isKept) {
    if (begun.length > 0) await patiently(context, () => client.commitOffsets(group, null, begun))
    await registry.store(id, ground.record, record)
  }
  return new AtLeastOnceTask(context, { id, group, positions })
}

/** The order is the proof: nobody else can commit any more when positions and state are read. */
async function openExactlyOnce(
  context: KafkaContext,
  registry: TaskRegistry,
  spec: TaskSpec,
): Promise<TaskLog> {
  const { id, group, inputs, changelog: place } = spec
  const producer = producerOf(context, spec)
  let changelog: Changelog | null = null
  let isOpen = false
  try {
    const [found] = await closedWith(context, producer, () => producer.open())
    context.onTrouble(null)
    const committed = found?.positions.map(({ offset }) => offset) ?? []
    const record = await registry.find(spec)
    const ground = await TaskGround.look(context, spec, record)
    ground.assertKept()
    if (place !== undefined) {
      const [isThere, topicId] = [ground.hasChangelog, ground.topicIdOf(place)]
      changelog = await Changelog.open(context, { taskId: id, place, isThere, topicId })
    }
    const note = changelog?.note ?? null
    ground.assertState(note)
    const { positions, begun } = await startPositions(context, spec, { ground, committed, note })
    const isFirst = begun.length > 0 || (ground.hasChangelog && note === null)
    if (isFirst) await begin(producer, { group, positions, begun, changelog })
    if (inputs.length > 0 || changelog !== null) await registry.store(id, ground.record, record)
    isOpen = true
    return new ExactlyOnceTask(context, { id, group, positions, producer, changelog })
  } catch (error) {
    const isLost = error instanceof PipelineError && error.code === 'LOG_POSITION_LOST'
    if (isLost) await assertHolder(producer)
    throw error
  } finally {
    if (!isOpen) {
      await producer.close()
      await changelog?.close()
    }
  }
}

/**
 * What does not fit together may have been written by somebody who has taken the task over meanwhile: the
 * coordinator knows. It refuses the end of a transaction that was never begun, but not before it has
 * looked at who asks for it.
 * @throws KafkaError `fenced`
 */
async function assertHolder(producer: TransactionalProducer): Promise<void> {
  await producer.commit({ outputs: [], offsets: [], decide: () => Promise.resolve(true) })
}

function producerOf(
  context: KafkaContext,
  { id, group, inputs, changelog, outputs = [] }: TaskSpec,
): TransactionalProducer {
  return new TransactionalProducer({
    ...context,
    transactionalId: id,
    inputs: inputs.length === 0 ? [] : [{ group, partitions: inputs }],
    outputs: changelog === undefined ? outputs : [...outputs, changelog.topic],
    isStillOwner: () => context.isStillOwner(id),
  })
}

/** Opening waits for the cluster as long as it takes, but no longer than the log is open. */
async function closedWith<Result>(
  { closing }: KafkaContext,
  producer: TransactionalProducer,
  action: () => Promise<Result>,
): Promise<Result> {
  const close = () => void producer.close()
  if (closing.aborted) close()
  closing.addEventListener('abort', close, { once: true })
  try {
    return await action()
  } finally {
    closing.removeEventListener('abort', close)
  }
}

/** Sets down where the task begins, and that it has begun, as its first commit. */
async function begin(
  producer: TransactionalProducer,
  of: {
    readonly group: string
    readonly positions: readonly Position[]
    readonly begun: readonly Position[]
    readonly changelog: Changelog | null
  },
): Promise<void> {
  const { group, positions, begun, changelog } = of
  const changes = changelog?.next([], positions) ?? null
  const offsets = begun.map(({ topic, partition, offset }) => ({ topic, partition, offset }))
  const commit = {
    outputs: changes === null ? [] : [changes.output],
    offsets: offsets.length === 0 ? [] : [{ group, offsets }],
    ...(changes === null ? {} : { decide: () => changelog!.holds(changes) }),
  }
  while ((await producer.commit(commit)) === 'not_kept');
  if (changes !== null) changelog!.committed(changes)
}
