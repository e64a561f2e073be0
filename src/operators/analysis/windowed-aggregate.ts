import type { JsonObject } from '../../core/json.ts'
import type { StatefulContext, StatefulOperator } from '../../core/operator.ts'
import type { StepRecord } from '../../core/step-record.ts'
import type { AggregateConfig } from './aggregate-config.ts'
import { type Group, GroupPlan, groupText, projectionOf } from './group.ts'
import { isoUtc, tumblingStart } from './window.ts'

type Context = StatefulContext<Group>

/** Results per tumbling window. State key: `<window start, epoch ms>|<group>`. */
export class WindowedAggregate implements StatefulOperator<Group> {
  readonly codec: GroupPlan
  readonly flushEveryMs = null
  readonly hasWindows = true
  readonly #sizeMs: number
  readonly #graceMs: number
  readonly #closesAtEnd: boolean
  /** The start of the last record's window, and the beginning of its state keys: spares a number's text. */
  #startMs = Number.NaN
  #prefix = ''

  constructor(config: AggregateConfig, window: NonNullable<AggregateConfig['window']>) {
    this.codec = new GroupPlan(config)
    this.#sizeMs = window.tumbling
    this.#graceMs = window.grace
    this.#closesAtEnd = config.at_end === 'close'
  }

  process(record: StepRecord, context: Context): void {
    const [by, args] = projectionOf(record.value)
    const startMs = tumblingStart(record.eventTimeMs, this.#sizeMs)
    const dueMs = startMs + this.#sizeMs + this.#graceMs
    if (context.watermarkMs >= dueMs) {
      context.late(record)
      return
    }
    const key = this.#prefixOf(startMs) + groupText(by)
    const group = context.state.get(key) ?? this.codec.create(by)
    this.codec.add(group, args, record.eventTimeMs)
    context.state.put(key, group, dueMs)
    context.absorb()
  }

  onDue(key: string, group: Group, context: Context): void {
    this.#close(key, group, context)
  }

  onFlush(): void {
    // A window is emitted once, when it closes.
  }

  onEnd(context: Context): number | null {
    if (!this.#closesAtEnd) return null
    let endMs: number | null = null
    for (const { key, startMs } of inOrder(context.state.keys())) {
      const group = context.state.get(key)
      if (group !== undefined) this.#close(key, group, context)
      endMs = startMs + this.#sizeMs + this.#graceMs
    }
    return endMs
  }

  #close(key: string, group: Group, context: Context): void {
    const startMs = startOf(key)
    const endMs = startMs + this.#sizeMs
    const { key: madeKey, fields, failure } = this.codec.result(group)
    const value: JsonObject = {
      window_start: isoUtc(startMs),
      window_end: isoUtc(endMs),
      ...fields,
    }
    // The last millisecond of the window: a window of the same length in a later stage holds it too.
    const made = { key: madeKey, value, eventTimeMs: endMs - 1 }
    context.produce(failure === null ? made : { ...made, failure })
    context.state.delete(key)
  }

  #prefixOf(startMs: number): string {
    if (startMs !== this.#startMs) {
      this.#startMs = startMs
      this.#prefix = `${startMs}|`
    }
    return this.#prefix
  }
}

function startOf(key: string): number {
  return Number(key.slice(0, key.indexOf('|')))
}

function inOrder(keys: Iterable<string>): { key: string; startMs: number }[] {
  const windows = Array.from(keys, (key) => ({ key, startMs: startOf(key) }))
  // Equal starts have equal beginnings, so that comparing whole keys compares the groups.
  return windows.toSorted((a, b) => a.startMs - b.startMs || (a.key < b.key ? -1 : 1))
}
