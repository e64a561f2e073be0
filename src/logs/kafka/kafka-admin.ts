import type { LogAdmin, TopicChange, TopicSpec } from '../../core/log.ts'
import { assertNotFewerPartitions, noSuchTopic, workersAtWork } from '../log-rules.ts'
import { KafkaError } from './client/kafka-error.ts'
import { createMissingTopics, deleteTopicsForGood } from './create-topics.ts'
import type { KafkaContext } from './kafka-context.ts'
import { ManifestTopic } from './manifest-topic.ts'
import { decodeMetadata } from './membership/member-messages.ts'
import { patiently } from './patiently.ts'
import { translated } from './pipeline-error.ts'
import type { TaskRegistry } from './task-registry.ts'
import { cleanupOf, kafkaConfig, retentionOf } from './topic-settings.ts'

/** Of a producer that is there only to end the one before it. */
const noTimeoutMs = 60_000

export class KafkaAdmin implements LogAdmin {
  readonly #context: KafkaContext
  readonly #registry: TaskRegistry
  readonly #manifests: ManifestTopic

  constructor(context: KafkaContext, registry: TaskRegistry) {
    this.#context = context
    this.#registry = registry
    this.#manifests = new ManifestTopic(context)
  }

  ensureTopics(topics: readonly TopicSpec[]): Promise<void> {
    const { client, clock } = this.#context
    return translated('creating topics', () => createMissingTopics(client, clock, topics))
  }

  describeTopics(names: readonly string[]): Promise<readonly TopicSpec[]> {
    const { client } = this.#context
    return translated('describing topics', async () => {
      const found = await client.describeTopics(names)
      const configs = await client.describeConfigs(found.map(({ name }) => name))
      return found.map(({ name, leaders, replication }) => ({
        name,
        partitions: leaders.length,
        replication,
        retentionMs: retentionOf(configs.get(name)),
        cleanup: cleanupOf(configs.get(name)),
      }))
    })
  }

  alterTopic(change: TopicChange): Promise<void> {
    const { client } = this.#context
    const { name, partitions } = change
    return translated(`changing topic ${name}`, async () => {
      const [described] = await client.describeTopics([name])
      if (described === undefined) throw noSuchTopic(name)
      assertNotFewerPartitions(change, described.leaders.length)
      const config = kafkaConfig(change)
      if (Object.keys(config).length > 0) await client.alterConfigs(name, config)
      if (partitions !== undefined && partitions > described.leaders.length)
        await client.createPartitions(name, partitions)
    })
  }

  /** Whoever still holds a task of the groups can commit nothing any more, before anything is removed. */
  reset({ topics, groups, pipelines = [] }: Parameters<LogAdmin['reset']>[0]): Promise<void> {
    const { client, clock } = this.#context
    return translated('resetting the pipeline', async () => {
      for (const pipeline of pipelines) await this.#forgetWorkers(pipeline)
      const tasks = groups.length === 0 ? [] : await this.#registry.tasksOf(groups)
      await Promise.all(tasks.map((id) => this.#fence(id)))
      await deleteTopicsForGood(client, clock, topics)
      await patiently(this.#context, () => client.deleteGroups(groups))
      await this.#registry.forget(tasks)
    })
  }

  loadManifest(pipeline: string): Promise<string | null> {
    return translated(`reading the manifest of ${pipeline}`, async () => {
      const manifests = await this.#manifests.read()
      return manifests.get(pipeline) ?? null
    })
  }

  async storeManifest(pipeline: string, manifest: string): Promise<void> {
    // All workers of a pipeline store the same one.
    if ((await this.loadManifest(pipeline)) === manifest) return
    await translated(`storing the manifest of ${pipeline}`, () =>
      this.#manifests.write(pipeline, manifest),
    )
  }

  manifests(): Promise<readonly string[]> {
    return translated('reading the manifests', async () => {
      return [...(await this.#manifests.read()).keys()].toSorted()
    })
  }

  /** Names a member by what it says about itself, or else by what the broker knows of it. */
  workers(pipeline: string): Promise<readonly string[]> {
    const { client } = this.#context
    return translated(`looking for workers of ${pipeline}`, async () => {
      const members = await patiently(this.#context, () => client.describeGroup(pipeline))
      return members
        .map(({ metadata, memberId, host }) => {
          return decodeMetadata(metadata)?.worker ?? `${memberId} at ${host}`
        })
        .toSorted()
    })
  }

  async #forgetWorkers(pipeline: string): Promise<void> {
    const { client } = this.#context
    try {
      await patiently(this.#context, () => client.deleteGroups([pipeline]))
    } catch (error) {
      if (!(error instanceof KafkaError) || error.code !== 'NON_EMPTY_GROUP') throw error
      throw workersAtWork(pipeline, await this.workers(pipeline))
    }
  }

  async #fence(task: string): Promise<void> {
    const { client } = this.#context
    await patiently(this.#context, () => client.initProducer(task, noTimeoutMs))
  }
}
