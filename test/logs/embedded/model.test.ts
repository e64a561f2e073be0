import { strict as assert } from 'node:assert'
import { rmSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { TaskLog } from '../../../src/core/log.ts'
import type { EmbeddedLog } from '../../../src/logs/embedded/embedded-log.ts'
import { openWritableLog } from '../../../src/logs/embedded/open-embedded-log.ts'
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts'
import { batchOf, valuesOf } from '../../conformance/batches.ts'
import { temporaryDirectory } from './copier-process.ts'

const partitions = [0, 1, 2]
const taskCount = 2
const retentionMs = 500
const { signal } = new AbortController()

/** What a log is, without any of its means: lists of records, numbers and maps. */
class Model {
  readonly records: string[][] = partitions.map(() => [])
  /** By partition, the ends and times of its batches that are still there. */
  readonly batches: { end: number; timeMs: number }[][] = partitions.map(() => [])
  readonly starts = partitions.map(() => 0)
  /** By task: of its own group, in its one input. */
  readonly positions = Array.from({ length: taskCount }, () => 0)
  readonly pulled = Array.from({ length: taskCount }, () => 0)
  readonly states = Array.from({ length: taskCount }, () => new Map<string, string>())

  append(partition: number, values: readonly string[], timeMs: number): void {
    this.records[partition]!.push(...values)
    this.batches[partition]!.push({ end: this.records[partition]!.length, timeMs })
  }

  retain(nowMs: number): void {
    for (const partition of partitions) {
      const batches = this.batches[partition]!
      const limit = partition < taskCount ? this.positions[partition]! : Infinity
      while (batches.length > 0) {
        const { end, timeMs } = batches[0]!
        if (end > limit || timeMs >= nowMs - retentionMs) break
        this.starts[partition] = end
        batches.shift()
      }
    }
  }
}

type Command =
  | {
      readonly kind: 'commit'
      readonly task: number
      readonly appends: readonly [number, number][]
      readonly keys: readonly [string, boolean][]
      readonly moves: boolean
      readonly waits: boolean
    }
  | { readonly kind: 'pull'; readonly task: number; readonly maxRecords: number }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'retain' | 'reopen' | 'look' }
  | { readonly kind: 'takeOver'; readonly task: number }

const task = fc.integer({ min: 0, max: taskCount - 1 })
const key = fc.constantFrom('a', 'b', '__proto__', 'é\u0000', '\ud800')
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('commit' as const),
      task,
      appends: fc.array(fc.tuple(fc.constantFrom(...partitions), fc.integer({ min: 1, max: 7 })), {
        maxLength: 4,
      }),
      keys: fc.array(fc.tuple(key, fc.boolean()), { maxLength: 3 }),
      moves: fc.boolean(),
      waits: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('pull' as const),
      task,
      maxRecords: fc.integer({ min: 1, max: 12 }),
    }),
  },
  fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 1_400 }) }),
  fc.record({ kind: fc.constantFrom('retain' as const, 'reopen' as const, 'look' as const) }),
  fc.record({ kind: fc.constant('takeOver' as const), task }),
)

class Run {
  readonly #clock = new VirtualClock()
  readonly #directory = temporaryDirectory()
  readonly #model = new Model()
  #log!: EmbeddedLog
  #tasks: TaskLog[] = []
  #commits: Promise<unknown>[] = []
  #serial = 0

  async open(): Promise<void> {
    this.#log = await openWritableLog({ directory: this.#directory, clock: this.#clock })
    await this.#log.admin.ensureTopics([{ name: 't', partitions: partitions.length, retentionMs }])
    this.#model.retain(this.#clock.wallMs())
    this.#tasks = []
    for (let number = 0; number < taskCount; number++) await this.#openTask(number)
  }

  async end(): Promise<void> {
    await this.#log.close()
    rmSync(this.#directory, { recursive: true })
  }

  async perform(given: Command): Promise<void> {
    if (given.kind === 'commit') return this.#commit(given)
    if (given.kind === 'pass') return this.#clock.advance(given.ms)
    await Promise.all(this.#commits.splice(0))
    if (given.kind === 'pull') return this.#pull(given)
    if (given.kind === 'takeOver') return this.#takeOver(given.task)
    if (given.kind === 'look') return this.look()
    if (given.kind === 'retain') {
      await this.#log.applyRetention()
      return this.#model.retain(this.#clock.wallMs())
    }
    await this.#log.close()
    return this.open()
  }

  async look(): Promise<void> {
    await Promise.all(this.#commits.splice(0))
    const [topic] = await this.#log.reader.topics()
    for (const partition of partitions) {
      const records = this.#model.records[partition]!
      const start = this.#model.starts[partition]!
      const range = { start: BigInt(start), end: BigInt(records.length) }
      assert.deepEqual(topic!.ranges[partition], range)
      const slices = await this.#log.reader.read({ topic: 't', partition, offset: 0n }, 1e9)
      assert.deepEqual(valuesOf(slices), records.slice(start))
    }
    for (const [number, opened] of this.#tasks.entries()) {
      const state = await opened.restore()
      assert.deepEqual(
        new Map(state.map((entry) => [entry.key, entry.value])),
        this.#model.states[number],
      )
      assert.deepEqual(opened.positions, [BigInt(this.#model.positions[number]!)])
      const behind = this.#model.records[number]!.length - this.#model.pulled[number]!
      assert.deepEqual(await opened.lag(), [behind])
    }
  }

  async #openTask(number: number): Promise<void> {
    const inputs = [{ topic: 't', partition: number }]
    const spec = { id: `p.s/${number}`, group: `g${number}`, inputs, start: 'earliest' } as const
    this.#tasks[number] = await this.#log.openTask(spec)
    this.#model.pulled[number] = this.#model.positions[number]!
  }

  async #takeOver(number: number): Promise<void> {
    const old = this.#tasks[number]!
    await this.#openTask(number)
    const refused = old.commit({ outputs: [], state: [], next: [] })
    await assert.rejects(refused, { code: 'LOG_FENCED' })
    await old.close()
  }

  async #commit({
    task: number,
    appends,
    keys,
    moves,
    waits,
  }: Command & { kind: 'commit' }): Promise<void> {
    const timestampMs = this.#clock.wallMs()
    const outputs = appends.map(([partition, count]) => {
      const values = Array.from({ length: count }, () => `v${this.#serial++}`)
      this.#model.append(partition, values, timestampMs)
      return {
        topic: 't',
        partition,
        batch: batchOf(values.map((value) => ({ value, timestampMs }))),
      }
    })
    const state = keys.map(([name, keeps]) => {
      const value = keeps ? String(this.#serial++) : null
      if (value === null) this.#model.states[number]!.delete(name)
      else this.#model.states[number]!.set(name, value)
      return { step: 's', key: name, value, dueMs: null }
    })
    const offset = BigInt(this.#model.pulled[number]!)
    if (moves) this.#model.positions[number] = Number(offset)
    const next = moves ? [{ topic: 't', partition: number, offset }] : []
    const committed = this.#tasks[number]!.commit({ outputs, state, next })
    this.#commits.push(committed)
    if (waits) await committed
  }

  async #pull({ task: number, maxRecords }: Command & { kind: 'pull' }): Promise<void> {
    const request = { maxRecords, maxBytes: 1e9, waitMs: 0, signal }
    const slices = await this.#tasks[number]!.pull(request)
    const from = this.#model.pulled[number]!
    const values = valuesOf(slices)
    assert.deepEqual(values, this.#model.records[number]!.slice(from, from + values.length))
    assert.equal(values.length > 0, from < this.#model.records[number]!.length)
    if (slices !== null && slices.length > 1) assert.ok(values.length <= maxRecords)
    this.#model.pulled[number] = from + values.length
  }
}

describe('the embedded log', () => {
  it('does what a plain model does, whatever is asked of it', { timeout: 120_000 }, async () => {
    const property = fc.asyncProperty(
      fc.array(command, { minLength: 10, maxLength: 40, size: 'max' }),
      async (commands) => {
        const run = new Run()
        await run.open()
        try {
          for (const given of commands) await run.perform(given)
          await run.look()
          await run.perform({ kind: 'reopen' })
          await run.look()
        } finally {
          await run.end()
        }
      },
    )
    await expect(fc.assert(property, { numRuns: 30 })).resolves.toBeUndefined()
  })
})
