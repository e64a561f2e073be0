import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../../../src/core/json.ts'
import type { StatefulContext, StatefulOperator } from '../../../src/core/operator.ts'
import type { MadeRecord } from '../../../src/core/made-record.ts'
import { StepRecord } from '../../../src/core/step-record.ts'
import { aggregate } from '../../../src/operators/analysis/aggregate.ts'
import { bound } from '../../../src/simulation/run-operator.ts'
import { UndoableState } from '../../../src/simulation/undoable-state.ts'

/** A task that is flushed, crashes and recovers by hand. */
class Task implements StatefulContext<unknown> {
  readonly state = new UndoableState<unknown>()
  readonly nowMs = 0
  readonly watermarkMs = Number.NEGATIVE_INFINITY
  readonly made: MadeRecord[] = []
  #operator: StatefulOperator<unknown>
  readonly #config: never

  constructor(setting: unknown) {
    this.#config = bound(aggregate, setting) as never
    this.#operator = aggregate.create(this.#config)
  }

  send(value: JsonValue): void {
    const record = new StepRecord()
    record.make({ key: null, value, eventTimeMs: 0 })
    aggregate.project!(this.#config).process(record, this)
  }

  emit(record: StepRecord): void {
    this.#operator.process(record, this)
  }

  flush(): JsonValue[] {
    this.made.length = 0
    this.#operator.onFlush(this)
    return this.made.map(({ value }) => value)
  }

  restart(): void {
    const { codec } = this.#operator
    this.#operator = aggregate.create(this.#config)
    this.state.replaceValues((value) => codec.decode(codec.encode(value)))
  }

  get flushEveryMs(): number | null {
    return this.#operator.flushEveryMs
  }

  produce(made: MadeRecord): void {
    this.made.push(made)
  }

  absorb(): void {
    // Nothing is counted here.
  }

  drop(): void {
    throw new Error('aggregate drops nothing')
  }

  late(): void {
    throw new Error('totals are never late')
  }
}

const setting = { by: 'value.g', every: '2s', fields: { n: 'count()' } }

describe('running totals', () => {
  it('are flushed as often as the setting says; windows are not', () => {
    expect(new Task(setting).flushEveryMs).toBe(2_000)
    expect(new Task({ fields: { n: 'count()' } }).flushEveryMs).toBe(5_000)
    expect(new Task({ window: { tumbling: '1s' }, fields: { n: 'count()' } }).flushEveryMs).toBe(
      null,
    )
  })

  it('come out once for each change, in the order of their groups', () => {
    const task = new Task(setting)
    expect(task.flush()).toEqual([])
    for (const g of ['b', 'a', 'b']) task.send({ g })
    expect(task.flush()).toEqual([
      { g: 'a', n: 1 },
      { g: 'b', n: 2 },
    ])
    expect(task.flush()).toEqual([])
    task.send({ g: 'b' })
    expect(task.flush()).toEqual([{ g: 'b', n: 3 }])
  })

  it('that were changed but not yet emitted come out after a restart, the others do not', () => {
    const task = new Task(setting)
    for (const g of ['a', 'b', 'c']) task.send({ g })
    task.flush()
    task.send({ g: 'b' })
    task.restart()
    task.send({ g: 'c' })
    expect(task.flush()).toEqual([
      { g: 'b', n: 2 },
      { g: 'c', n: 2 },
    ])
    task.restart()
    expect(task.flush()).toEqual([])
  })

  it('forget a group whose record was taken back', () => {
    const task = new Task(setting)
    task.flush()
    task.send({ g: 'a' })
    task.state.undo()
    expect(task.flush()).toEqual([])
    task.send({ g: 'a' })
    expect(task.flush()).toEqual([{ g: 'a', n: 1 }])
  })

  it('share nothing with what they have emitted', () => {
    const task = new Task({ fields: { l: 'last(value.x)', t: 'top_k(value.x, 1)' } })
    task.send({ x: { a: 1 } })
    const [first] = task.flush() as { l: { a: number }; t: { value: { a: number } }[] }[]
    first!.l.a = 2
    first!.t[0]!.value.a = 2
    task.send({ x: null })
    expect(task.flush()).toEqual([{ l: { a: 1 }, t: [{ value: { a: 1 }, count: 1 }] }])
  })
})
