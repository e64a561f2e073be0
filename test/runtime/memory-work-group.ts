import { PipelineError } from '../../src/core/errors.ts'
import type { WorkGroup, WorkHandlers, WorkPlace, WorkRequest } from '../../src/core/work-group.ts'

interface Said {
  hasEnded: boolean
  quietSinceUs: number | null
}

/** The groups of all pipelines of one log, for workers in one process: the twin of Kafka's. */
export class MemoryWorkGroups {
  readonly #byPipeline = new Map<string, MemoryGroup>()

  /** One worker's access. Whatever it joins is cut off from the others by `cutOff`. */
  worker(): MemoryWorker {
    return new MemoryWorker((pipeline) => {
      const group = this.#byPipeline.get(pipeline) ?? new MemoryGroup()
      this.#byPipeline.set(pipeline, group)
      return group
    })
  }

  /** Ids of tasks by worker, in the order in which they joined. */
  assignment(pipeline: string): readonly (readonly string[])[] {
    return this.#byPipeline.get(pipeline)?.assignment ?? []
  }

  /** Since when a task is quiet, as the workers were told; null: it is not. */
  quietSinceUs(pipeline: string, task: string): number | null {
    return this.#byPipeline.get(pipeline)?.quietSinceUs(task) ?? null
  }
}

export class MemoryWorker implements WorkGroup {
  readonly #groupOf: (pipeline: string) => MemoryGroup
  readonly #places: MemoryPlace[] = []

  constructor(groupOf: (pipeline: string) => MemoryGroup) {
    this.#groupOf = groupOf
  }

  join(request: WorkRequest, on: WorkHandlers): WorkPlace {
    const place = new MemoryPlace(this.#groupOf(request.pipeline), request, on)
    this.#places.push(place)
    return place
  }

  /** As a process that is frozen for long: the others get its tasks, and it does not know. */
  cutOff(): void {
    for (const place of this.#places) place.group.remove(place)
  }

  /** It learns that it was cut off, and joins again. */
  async comeBack(): Promise<void> {
    await Promise.all(this.#places.map((place) => place.comeBack()))
  }
}

class MemoryPlace implements WorkPlace {
  readonly group: MemoryGroup
  readonly request: WorkRequest
  readonly on: WorkHandlers
  /** As this worker sees it. */
  held = new Set<string>()
  session = -1
  #isIn = false

  constructor(group: MemoryGroup, request: WorkRequest, on: WorkHandlers) {
    this.group = group
    this.request = request
    this.on = on
  }

  async run(signal: AbortSignal): Promise<void> {
    this.group.add(this)
    this.#isIn = true
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve()
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
    this.#isIn = false
    await this.giveUp([...this.held])
    this.group.remove(this)
  }

  async comeBack(): Promise<void> {
    if (!this.#isIn || this.group.has(this)) return
    await this.giveUp([...this.held])
    this.group.add(this)
  }

  async confirm(task: string): Promise<boolean> {
    return this.group.holderOf(task) === this
  }

  async announceEnd(task: string): Promise<void> {
    this.group.tell(this, task, { hasEnded: true })
  }

  announceQuiet(task: string, sinceUs: number | null): void {
    this.group.tell(this, task, { quietSinceUs: sinceUs })
  }

  async giveUp(tasks: readonly string[]): Promise<void> {
    for (const task of tasks) this.held.delete(task)
    await this.on.revoked(tasks)
  }

  hear(task: string, { hasEnded, quietSinceUs }: Said): void {
    if (this.held.has(task)) return
    if (hasEnded) this.on.ended(task)
    else this.on.quiet(task, quietSinceUs)
  }
}

class MemoryGroup {
  #members: MemoryPlace[] = []
  readonly #holders = new Map<string, MemoryPlace>()
  readonly #said = new Map<string, Said>()
  #session = 0
  #sharing: Promise<void> = Promise.resolve()

  get assignment(): readonly (readonly string[])[] {
    return this.#members.map((member) => [...member.held])
  }

  quietSinceUs(task: string): number | null {
    return this.#said.get(task)?.quietSinceUs ?? null
  }

  has(member: MemoryPlace): boolean {
    return this.#members.includes(member)
  }

  holderOf(task: string): MemoryPlace | undefined {
    return this.#holders.get(task)
  }

  add(member: MemoryPlace): void {
    const [first] = this.#members
    if (first !== undefined && first.request.fingerprint !== member.request.fingerprint)
      throw new PipelineError('CONFIG_INCOMPATIBLE', 'others run another file under this name')
    if (member.session !== -1 && member.session !== this.#session) member.on.renewed()
    member.session = this.#session
    this.#members.push(member)
    for (const [task, said] of this.#said) member.hear(task, said)
    this.#shareOut()
  }

  remove(member: MemoryPlace): void {
    this.#members = this.#members.filter((each) => each !== member)
    for (const [task, holder] of this.#holders) if (holder === member) this.#holders.delete(task)
    if (this.#members.length === 0) {
      this.#session += 1
      this.#said.clear()
    }
    this.#shareOut()
  }

  tell(from: MemoryPlace, task: string, news: Partial<Said>): void {
    if (!this.has(from)) return
    const said = { hasEnded: false, quietSinceUs: null, ...this.#said.get(task), ...news }
    this.#said.set(task, said)
    for (const member of this.#members) if (member !== from) member.hear(task, said)
  }

  #shareOut(): void {
    this.#sharing = this.#sharing.then(() => this.#shareOutNow())
  }

  /** Evenly, with as few moves as that allows; nobody gets what another one still runs. */
  async #shareOutNow(): Promise<void> {
    if (this.#members.length === 0) return
    const { tasks } = this.#members[0]!.request
    const base = Math.floor(tasks.length / this.#members.length)
    const extras = tasks.length % this.#members.length
    const ranked = this.#members.toSorted((a, b) => b.held.size - a.held.size)
    for (const [rank, member] of ranked.entries()) {
      const surplus = [...member.held].slice(rank < extras ? base + 1 : base)
      for (const task of surplus) this.#holders.delete(task)
      if (surplus.length > 0) await member.giveUp(surplus)
    }
    if (this.#members.length === 0) return
    const added = new Map(this.#members.map((member) => [member, [] as string[]]))
    for (const task of tasks.filter((each) => !this.#holders.has(each))) {
      const [member] = this.#members.toSorted((a, b) => a.held.size - b.held.size)
      this.#holders.set(task, member!)
      member!.held.add(task)
      added.get(member!)!.push(task)
    }
    for (const [member, list] of added) if (list.length > 0) member.on.assigned(list)
  }
}
