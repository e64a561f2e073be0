import type { StatefulContext, StatefulOperator } from '../../core/operator.ts'
import type { StepRecord } from '../../core/step-record.ts'
import type { AggregateConfig } from './aggregate-config.ts'
import { type Group, GroupPlan, groupText, projectionOf } from './group.ts'

type Context = StatefulContext<Group>

const defaultEveryMs = 5_000

/** Totals since the beginning. State key: the group. Emits, now and then, the totals that have changed. */
export class RunningAggregate implements StatefulOperator<Group> {
  readonly codec: GroupPlan
  readonly flushEveryMs: number
  /**
   * State keys of the groups that have changed since the last flush; null until the first one, since
   * restored groups can have changed too. The flag in the group is the truth, this only finds it.
   */
  #changed: Set<string> | null = null

  constructor(config: AggregateConfig) {
    this.codec = new GroupPlan(config)
    this.flushEveryMs = config.every ?? defaultEveryMs
  }

  process(record: StepRecord, context: Context): void {
    const [by, args] = projectionOf(record.value)
    const key = groupText(by)
    const group = context.state.get(key) ?? this.codec.create(by)
    this.codec.add(group, args, record.eventTimeMs)
    group.isChanged = true
    this.#changed?.add(key)
    context.state.put(key, group)
    context.absorb()
  }

  onDue(): void {
    // Totals are never due.
  }

  onFlush(context: Context): void {
    for (const key of [...(this.#changed ?? context.state.keys())].toSorted()) {
      const group = context.state.get(key)
      if (group === undefined || !group.isChanged) continue
      const { key: madeKey, fields, failure } = this.codec.result(group)
      const made = { key: madeKey, value: fields, eventTimeMs: group.maxTimeMs }
      context.produce(failure === null ? made : { ...made, failure })
      group.isChanged = false
      context.state.put(key, group)
    }
    this.#changed = new Set()
  }

  onEnd(context: Context): null {
    this.onFlush(context)
    return null
  }
}
