import type { WorkGroup, WorkHandlers, WorkPlace, WorkRequest } from '../../../core/work-group.ts'
import type { KafkaContext } from '../kafka-context.ts'
import { KafkaWorkPlace } from './kafka-work-place.ts'
import type { WorkerIdentity } from './worker-identity.ts'

/** Workers of a pipeline: one consumer group that shares out tasks, one topic to talk in. */
export class KafkaWorkGroup implements WorkGroup {
  readonly #context: KafkaContext
  readonly #identity: WorkerIdentity
  readonly #places = new Set<KafkaWorkPlace>()

  constructor(context: KafkaContext, identity: WorkerIdentity) {
    this.#context = context
    this.#identity = identity
  }

  join(request: WorkRequest, on: WorkHandlers): WorkPlace {
    const place = new KafkaWorkPlace(this.#context, { ...this.#identity, ...request }, on)
    this.#places.add(place)
    return place
  }

  /** Whether the task is this worker's, as its group sees it; a task that no group shares out always is. */
  async confirm(task: string): Promise<boolean> {
    const place = [...this.#places].find((each) => each.shares(task))
    return place === undefined || place.confirm(task)
  }
}
