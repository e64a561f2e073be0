import { PipelineError } from '../../../core/errors.ts'
import type { TaskSpec, TopicPartition } from '../../../core/log.ts'
import { noSuchTopic } from '../../log-rules.ts'
import type { TopicMetadata } from '../client/kafka-client.ts'
import { topicMissing, topicRecreated } from '../fetching/lost-position.ts'
import type { KafkaContext } from '../kafka-context.ts'
import { patiently } from '../patiently.ts'
import type { CommitNote } from '../state/changelog-records.ts'
import type { TaskRecord } from '../task-registry.ts'

/** A broker does not know at once what another one has just made, nor all when it has just started. */
const patienceMs = 2_000
const pauseMs = 50

/** What a task finds when it is opened, by name: the topics that it reads and that its state is in. */
export class TaskGround {
  readonly #spec: TaskSpec
  readonly #topics: ReadonlyMap<string, TopicMetadata>
  readonly #record: TaskRecord | null

  constructor(
    spec: TaskSpec,
    topics: ReadonlyMap<string, TopicMetadata>,
    record: TaskRecord | null,
  ) {
    this.#spec = spec
    this.#topics = topics
    this.#record = record
  }

  /** @param record what the task stood on before. @throws KafkaError */
  static async look(
    context: KafkaContext,
    spec: TaskSpec,
    record: TaskRecord | null,
  ): Promise<TaskGround> {
    const names = new Set(spec.inputs.map(({ topic }) => topic))
    if (spec.changelog !== undefined) names.add(spec.changelog.topic)
    if (names.size === 0) return new TaskGround(spec, new Map(), record)
    const { client, clock, closing } = context
    const untilUs = clock.monotonicUs() + patienceMs * 1_000
    for (;;) {
      const found = await patiently(context, () => client.describeTopics([...names]))
      const ground = new TaskGround(spec, new Map(found.map((each) => [each.name, each])), record)
      const isOver = clock.monotonicUs() > untilUs || closing.aborted
      if (isOver || !ground.#lacksTopic) return ground
      await clock.sleep(pauseMs, closing)
    }
  }

  /** Whether the task cannot be opened for want of a topic. */
  get #lacksTopic(): boolean {
    const { inputs, changelog } = this.#spec
    const isExpected = inputs.length > 0 || (this.#record?.changelogId ?? null) !== null
    if (isExpected && changelog !== undefined && !this.hasChangelog) return true
    return inputs.some(({ topic }) => !this.#topics.has(topic))
  }

  /** Whether the topic for the state is there: without it nothing can be committed. */
  get hasChangelog(): boolean {
    return this.#spec.changelog !== undefined && this.#topics.has(this.#spec.changelog.topic)
  }

  /** null: the broker does not tell, or there is no such topic. */
  topicIdOf({ topic }: Pick<TopicPartition, 'topic'>): string | null {
    return this.#topics.get(topic)?.id ?? null
  }

  /**
   * Nothing that the task has built on is another thing now.
   * @throws PipelineError LOG_POSITION_LOST; CONFIG_USAGE when an input does not exist
   */
  assertKept(): void {
    for (const { topic } of this.#spec.inputs) this.#assertInput(topic)
    const { changelog, inputs } = this.#spec
    if (changelog === undefined) return
    const before = this.#record?.changelogId ?? null
    if (before === null) {
      // Without inputs it is opened all the same, by those who only want to know whether it has state.
      if (!this.hasChangelog && inputs.length > 0) throw noSuchTopic(changelog.topic)
      return
    }
    const now = this.topicIdOf(changelog)
    if (!this.hasChangelog) throw stateLost(this.#spec.id, `topic ${changelog.topic} was deleted`)
    if (now !== null && now !== before) {
      const what = `topic ${changelog.topic} was deleted and made again (its id was ${before} and is ${now})`
      throw stateLost(this.#spec.id, what)
    }
  }

  #assertInput(topic: string): void {
    const known = this.#record?.inputs.find((input) => input.topic === topic)
    if (!this.#topics.has(topic)) {
      if (known !== undefined) throw topicMissing(topic)
      throw noSuchTopic(topic)
    }
    const [before, now] = [known?.topicId ?? null, this.topicIdOf({ topic })]
    if (before !== null && now !== null && before !== now)
      throw topicRecreated(topic, { before, now })
  }

  /** @throws PipelineError LOG_POSITION_LOST: the task had a position here. */
  assertNew(input: TopicPartition): void {
    const { inputs = [] } = this.#record ?? {}
    if (!inputs.some((each) => isSame(each, input))) return
    throw new PipelineError(
      'LOG_POSITION_LOST',
      `the group ${this.#spec.group} has no position in topic ${input.topic}, partition ${input.partition}, any ` +
        'more: it was deleted, or the pipeline did not run for longer than the brokers keep positions ' +
        '(`offsets.retention.minutes`). Set the position with kafka-consumer-groups.sh, or run with --fresh to ' +
        'begin again',
    )
  }

  /** @throws PipelineError LOG_POSITION_LOST: the task had state, and none is there. */
  assertState(note: CommitNote | null): void {
    const { changelog, id } = this.#spec
    if (changelog === undefined || note !== null || !this.hasChangelog) return
    if ((this.#record?.changelogId ?? null) === null) return
    throw stateLost(
      id,
      `topic ${changelog.topic} holds nothing any more in partition ${changelog.partition}`,
    )
  }

  /** What the task stands on from now on. */
  get record(): TaskRecord {
    const { group, inputs, changelog } = this.#spec
    return {
      group,
      changelogId: changelog === undefined ? null : this.topicIdOf(changelog),
      inputs: inputs.map(({ topic, partition }) => {
        return { topic, partition, topicId: this.topicIdOf({ topic }) }
      }),
    }
  }
}

export function isSame(one: TopicPartition, other: TopicPartition): boolean {
  return one.topic === other.topic && one.partition === other.partition
}

function stateLost(task: string, what: string): PipelineError {
  return new PipelineError(
    'LOG_POSITION_LOST',
    `the state of ${task} is lost: ${what}. Its results would be wrong without it: restore the topic, or run ` +
      'with --fresh to begin again',
  )
}
