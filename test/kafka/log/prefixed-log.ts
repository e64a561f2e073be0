import type {
  Log,
  LogAdmin,
  LogReader,
  PullRequest,
  SliceBatch,
  TaskCommit,
  TaskLog,
  TaskSpec,
  TopicPartition,
} from '../../../src/core/log.ts'

export interface PrefixOptions {
  /** Of the names of topics, groups, tasks and manifests, so that tests share a cluster. */
  readonly prefix: string
  readonly delivery: 'at_least_once' | 'exactly_once'
  /** Called for topics once they were made. */
  readonly made: (topics: readonly string[]) => Promise<void>
  /** Called before topics are read from outside. */
  readonly settle: () => Promise<void>
}

const changelogPartitions = 2

/** A cluster as a log with names of its own: what others do there cannot be seen. */
export class PrefixedLog implements Log {
  readonly #log: Log
  readonly #options: PrefixOptions

  constructor(log: Log, options: PrefixOptions) {
    this.#log = log
    this.#options = options
  }

  readonly reader: LogReader = {
    topics: async () => {
      await this.#options.settle()
      const all = await this.#log.reader.topics()
      const own = all.filter(({ name }) => name.startsWith(this.#options.prefix))
      return own
        .filter(({ name }) => !name.endsWith('.changelog'))
        .map((topic) => ({ ...topic, name: this.#without(topic.name) }))
    },
    ranges: (topic) => this.#log.reader.ranges(this.#with(topic)),
    read: async (from, maxBytes) => {
      await this.#options.settle()
      return this.#slices(await this.#log.reader.read(this.#place(from), maxBytes))
    },
    close: () => this.#log.reader.close(),
  }

  readonly admin: LogAdmin = {
    ensureTopics: async (topics) => {
      const own = topics.map((topic) => ({ ...topic, name: this.#with(topic.name) }))
      await this.#log.admin.ensureTopics(own)
      await this.#options.made(own.map(({ name }) => name))
    },
    describeTopics: async (names) => {
      const found = await this.#log.admin.describeTopics(names.map((name) => this.#with(name)))
      return found.map((topic) => ({ ...topic, name: this.#without(topic.name) }))
    },
    alterTopic: (change) =>
      this.#log.admin.alterTopic({ ...change, name: this.#with(change.name) }),
    // What `run --fresh` does: the topics with the state belong to it, and are made again.
    reset: async ({ topics, groups }) => {
      const changelogs = groups.map((group) => this.#changelog(group))
      await this.#log.admin.reset({
        topics: [...topics.map((topic) => this.#with(topic)), ...changelogs],
        groups: groups.map((group) => this.#with(group)),
      })
      await this.#ensureChangelogs(changelogs)
    },
    loadManifest: (pipeline) => this.#log.admin.loadManifest(this.#with(pipeline)),
    storeManifest: (pipeline, manifest) =>
      this.#log.admin.storeManifest(this.#with(pipeline), manifest),
    manifests: async () =>
      (await this.#log.admin.manifests())
        .filter((name) => name.startsWith(this.#options.prefix))
        .map((name) => this.#without(name)),
  }

  /** With a changelog where it may have state: `<group>.changelog`, by the number in the task's id. */
  async openTask(spec: TaskSpec): Promise<TaskLog> {
    const { delivery } = this.#options
    const own = {
      ...spec,
      delivery,
      id: this.#with(spec.id),
      group: this.#with(spec.group),
      inputs: spec.inputs.map((input) => this.#place(input)),
    }
    if (delivery === 'at_least_once') return this.#task(await this.#log.openTask(own))
    const topic = this.#changelog(spec.group)
    await this.#ensureChangelogs([topic])
    const changelog = { topic, partition: Number(spec.id.split('/')[1]) }
    return this.#task(await this.#log.openTask({ ...own, changelog }))
  }

  close(): Promise<void> {
    return this.#log.close()
  }

  #ensureChangelogs(names: readonly string[]): Promise<void> {
    const settings = {
      partitions: changelogPartitions,
      retentionMs: null,
      cleanup: 'compact',
    } as const
    return this.#log.admin.ensureTopics(names.map((name) => ({ name, ...settings })))
  }

  #task(task: TaskLog): TaskLog {
    return {
      get positions() {
        return task.positions
      },
      restore: () => task.restore(),
      pull: async (request: PullRequest) => {
        const slices = await task.pull(request)
        return slices === null ? null : this.#slices(slices)
      },
      commit: ({ outputs, state, next }: TaskCommit) =>
        task.commit({
          outputs: outputs.map((output) => this.#place(output)),
          state,
          next: next.map((position) => this.#place(position)),
        }),
      lag: () => task.lag(),
      close: () => task.close(),
    }
  }

  #slices(slices: readonly SliceBatch[]): readonly SliceBatch[] {
    return slices.map((slice) => ({ ...slice, topic: this.#without(slice.topic) }))
  }

  #place<Place extends TopicPartition>(place: Place): Place {
    return { ...place, topic: this.#with(place.topic) }
  }

  #changelog(group: string): string {
    return `${this.#with(group)}.changelog`
  }

  #with(name: string): string {
    return `${this.#options.prefix}${name}`
  }

  #without(name: string): string {
    return name.slice(this.#options.prefix.length)
  }
}
