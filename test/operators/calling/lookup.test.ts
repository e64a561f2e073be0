import { describe, expect, it } from 'vitest'
import type { JsonObject, JsonValue } from '../../../src/core/json.ts'
import { StepRecord } from '../../../src/core/step-record.ts'
import { lookup } from '../../../src/operators/calling/lookup.ts'
import { runAsyncOperator } from '../../../src/simulation/run-async-operator.ts'
import { bound } from '../../../src/simulation/run-operator.ts'
import { asyncWorld } from '../../laws/async-world.ts'

const run = (setting: object, input: readonly JsonValue[]) => {
  const config = { table: 'devices', on: 'value.id', into: 'about', ...setting }
  return runAsyncOperator(lookup, { config, input }, asyncWorld())
}

describe('lookup', () => {
  it('sets a field that may lie deeper, and leaves the rest as it is', async () => {
    const { emitted } = await run({ into: 'about.device' }, [{ id: 'd2', about: { a: 1 } }])
    const row = { device: 'd2', room: 'cellar', floor: -1 }
    expect(emitted).toEqual([{ id: 'd2', about: { a: 1, device: row } }])
  })

  it.each([
    [null, { emitted: [{ id: 'd9', about: null }], dispositions: ['emitted'] }],
    ['null', { emitted: [{ id: 'd9', about: null }], dispositions: ['emitted'] }],
    ['skip', { emitted: [], dispositions: ['skipped'] }],
    ['dlq', { emitted: [], dispositions: ['dead_lettered'] }],
  ])('does with a key that is not in the table as `missing: %s` says', async (missing, result) => {
    expect(await run({ missing }, [{ id: 'd9' }])).toMatchObject(result)
  })

  it('says what was not found, shortened', async () => {
    const { failed } = await run({ missing: 'dlq' }, [{ id: 'x'.repeat(200) }, {}])
    expect(failed.map(({ code }) => code)).toEqual(['RECORD_LOOKUP', 'RECORD_LOOKUP'])
    expect(failed[0]?.message).toMatch(/^the table "devices" has nothing for "x{79}\.\.\.$/)
    expect(failed[1]?.message).toBe('the table "devices" has nothing for null')
  })

  it('fails a record whose key is a list or an object, and one that has no fields', async () => {
    const { failed } = await run({}, [{ id: ['d1'] }, { id: { d1: 1 } }, 7])
    expect(failed.map(({ code }) => code)).toEqual(['RECORD_TYPE', 'RECORD_TYPE', 'RECORD_TYPE'])
  })

  it('gives each record a row of its own, which later steps may change', async () => {
    const world = asyncWorld()
    const setting = bound(lookup, { table: 'devices', on: 'value.id', into: 'about' }, world)
    const place = { pipeline: 'p', stage: 's', step: 'lookup', concurrency: null }
    const operator = await lookup.create(setting as never, world.environment, place)
    const ask = () => {
      const record = new StepRecord()
      record.make({ key: null, value: { id: 'd1' }, eventTimeMs: 0 })
      const { signal } = new AbortController()
      return operator.process(record, { signal, traceparent: null }) as [{ about: JsonObject }]
    }
    ask()[0].about['room'] = 'changed'
    expect(ask()[0].about['room']).toBe('attic')
    await operator.close()
  })

  it('tells the fields of later stages that there is one more', () => {
    const setting = lookup.config.parse({ table: 'devices', on: 'value.id', into: 'about.x' })
    expect(lookup.fieldsAfter?.(new Set(['id']), setting)).toEqual(new Set(['id', 'about']))
    expect(lookup.fieldsAfter?.(null, setting)).toBeNull()
  })
})
