import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AsyncOperator } from '../../../src/core/async-operator.ts'
import { PipelineError } from '../../../src/core/errors.ts'
import { decodeJson, type JsonValue } from '../../../src/core/json.ts'
import { StepRecord } from '../../../src/core/step-record.ts'
import { moduleOperator } from '../../../src/operators/calling/module.ts'
import { SeededRandom } from '../../../src/simulation/seeded-random.ts'
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts'
import { bound } from '../../../src/simulation/run-operator.ts'

let folder: string
const clock = new VirtualClock()

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-module-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

let written = 0

/** The operator of a module with this text. */
async function open(text: string, settings: object = {}): Promise<AsyncOperator> {
  const path = `module-${(written += 1)}.ts`
  writeFileSync(join(folder, path), text)
  return create({ path, ...settings })
}

function create(config: unknown): Promise<AsyncOperator> {
  const environment = { clock, random: new SeededRandom(1), log: () => {}, spawn: noProcess }
  const place = { pipeline: 'p', stage: 's', step: 'price', concurrency: null }
  const setting = bound(moduleOperator, config, { folder }) as never
  return Promise.resolve(moduleOperator.create(setting, environment, place))
}

function noProcess(): never {
  throw new TypeError('no process runs in these tests')
}

async function ask(
  operator: AsyncOperator,
  value: JsonValue,
  signal: AbortSignal = new AbortController().signal,
): Promise<unknown> {
  const record = new StepRecord()
  record.make({ key: 'k', value, eventTimeMs: 0 })
  return operator.process(record, { signal, traceparent: '00-a-b-01' })
}

describe('module', () => {
  it.each([
    ['a value', '({ a: value.a + 1 })', [{ a: 2 }]],
    ['null: nothing', 'null', 'filtered'],
    ['a list: several', '[1, { b: value.a }]', [1, { b: 1 }]],
    ['a promise', 'Promise.resolve({ b: 2 })', [{ b: 2 }]],
    ['an own promise', '({ then: (done) => done(7) })', [7]],
    ['a field that is undefined: left out', '({ a: undefined, b: null })', [{ b: null }]],
    [
      'what the record is',
      '[record.key, record.traceparent, record.topic]',
      ['k', '00-a-b-01', null],
    ],
  ])('takes %s', async (_, body, result) => {
    const operator = await open(`export const process = (value, record) => ${body}`)
    expect(await ask(operator, { a: 1 })).toEqual(result)
  })

  it.each([
    ['nothing', 'undefined', 'returned nothing: return the value, or null'],
    ['a number that is none', 'NaN', 'returned NaN in its value'],
    ['a Map', '({ a: new Map() })', 'returned a Map in its value'],
    ['a function', '({ a: () => 1 })', 'returned a function'],
    ['a bigint', '({ a: 1n })', 'returned a bigint'],
    ['no time', 'new Date(NaN)', 'an invalid Date'],
    ['an error', '(() => { throw new Error("sku?") })()', 'the function threw: sku?'],
    ['a rejection', 'Promise.reject(new Error("later"))', 'the function threw: later'],
    ['what is no error', '(() => { throw null })()', 'the function threw: null'],
  ])('fails the record for %s', async (_, body, message) => {
    const operator = await open(`export const process = () => ${body}`)
    await expect(ask(operator, {})).rejects.toMatchObject({
      code: 'RECORD_MODULE',
      message: expect.stringContaining(message) as unknown,
    })
  })

  it('fails the record for a value that goes round in a circle', async () => {
    const operator = await open('export function process() { const a = {}; a.a = a; return a }')
    await expect(ask(operator, {})).rejects.toThrow(RangeError)
  })

  it.each(['PEER_UNAVAILABLE', 'PEER_REJECTED'])(
    'hands an error with the code %s on',
    async (code) => {
      const operator = await open(
        `export async function process() { throw Object.assign(new Error('503'), { code: '${code}' }) }`,
      )
      const failed = await ask(operator, {}).catch((thrown: unknown) => thrown)
      expect(failed).toBeInstanceOf(PipelineError)
      expect(failed).toMatchObject({ code, message: '503' })
    },
  )

  it('counts a call beyond its deadline as a peer that does not answer, and tells the call', async () => {
    const operator = await open(
      `export function process(value, { signal }) { return new Promise(() => { globalThis.millraceSignal = signal }) }`,
      { deadline: '2s' },
    )
    const asked = ask(operator, {}).catch((thrown: unknown) => thrown)
    await clock.advance(1_999)
    const { millraceSignal } = globalThis as unknown as { millraceSignal: AbortSignal }
    expect(millraceSignal.aborted).toBe(false)
    await clock.advance(1)
    expect(await asked).toMatchObject({
      code: 'PEER_UNAVAILABLE',
      message: expect.stringContaining('within 2000 ms') as unknown,
    })
    expect(millraceSignal.aborted).toBe(true)
  })

  it('tells a call that the pipeline stops', async () => {
    const stop = new AbortController()
    const operator = await open(
      `export const process = (value, { signal }) => new Promise((done) => { signal.onabort = () => done('stopped') })`,
    )
    const asked = ask(operator, {}, stop.signal)
    stop.abort()
    expect(await asked).toEqual(['stopped'])
  })

  it('gives the function a copy, so that a call can be made again', async () => {
    const operator = await open(
      `export function process(value) { value.list.push(1); value.seen = true; throw Object.assign(new Error('x'), { code: 'PEER_UNAVAILABLE' }) }`,
    )
    const value = { list: [] }
    await expect(ask(operator, value)).rejects.toMatchObject({ message: 'x' })
    expect(value).toEqual({ list: [] })
  })

  it('takes a name in the data for a field as any other, and keeps exact numbers', async () => {
    const operator = await open('export const process = (value) => value')
    const value = decodeJson('{"__proto__":{"polluted":1},"n":12345678901234567890}')
    const [back] = (await ask(operator, value)) as [object]
    expect(Object.keys(back)).toEqual(['__proto__', 'n'])
    expect(JSON.stringify(back)).toBe('{"__proto__":{"polluted":1},"n":12345678901234567890}')
    expect('polluted' in {}).toBe(false)
  })

  it('says what is wrong with a file that it cannot use', async () => {
    await expect(create('./missing.ts')).rejects.toThrow(
      'the file of the module of the step "price" does not exist',
    )
    await expect(open('export const other = 1')).rejects.toThrow(
      /needs a function `process`, but .* has no export of that name: write `export function process\(value, record\)/,
    )
    await expect(open('throw new Error("no key")')).rejects.toMatchObject({ code: 'CONFIG_FILE' })
  })
})
