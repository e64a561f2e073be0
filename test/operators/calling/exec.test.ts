import { describe, expect, it } from 'vitest'
import type { AsyncOperator, AsyncResult } from '../../../src/core/async-operator.ts'
import { PipelineError, RecordFailure } from '../../../src/core/errors.ts'
import { decodeJson, type JsonObject, type JsonValue } from '../../../src/core/json.ts'
import { emptyBytes, encodeHeaders } from '../../../src/core/record-batch.ts'
import { RecordBatchBuilder } from '../../../src/core/record-batch-builder.ts'
import { StepRecord } from '../../../src/core/step-record.ts'
import { exec } from '../../../src/operators/calling/exec.ts'
import { bound } from '../../../src/simulation/run-operator.ts'
import { SeededRandom } from '../../../src/simulation/seeded-random.ts'
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts'
import { turns } from '../../runtime/run-fixture.ts'
import { type Answers, fakeProcesses } from './fake-process.ts'

const echo: Answers = ({ id, value }, process) => process.answer({ id: id!, value: value! })
const { signal } = new AbortController()

async function open(onRequest: Answers, settings: object = {}, concurrency: number | null = null) {
  const { spawn, started } = fakeProcesses(onRequest)
  const clock = new VirtualClock()
  const told: string[] = []
  const log = (_level: string, message: string) => void told.push(message)
  const config = { argv: ['enrich', 'now'], ...settings }
  const operator: AsyncOperator = await exec.create(
    bound(exec, config) as never,
    { clock, random: new SeededRandom(1), log, spawn },
    { pipeline: 'p', stage: 's', step: 'exec', concurrency },
  )
  return { operator, started, clock, told }
}

function recordOf(value: JsonValue, more: { key?: string; headers?: Uint8Array } = {}): StepRecord {
  const builder = new RecordBatchBuilder('')
  const times = { timestampMs: 0, eventTimeMs: 0, ingestUs: 0, waitUs: 0, runUs: 0 }
  const { key = null, headers = emptyBytes } = more
  builder.append({ key, value: 'null', headers, times })
  const record = new StepRecord()
  const batch = builder.finish()
  record.moveTo(batch, 0, { topic: 't', partition: 0, baseOffset: 0n, source: null })
  record.value = value
  return record
}

/** What the call comes to, errors included. */
async function ask(
  operator: AsyncOperator,
  value: JsonValue,
  key?: string,
): Promise<AsyncResult | RecordFailure | PipelineError> {
  const record = recordOf(value, key === undefined ? {} : { key })
  try {
    return await operator.process(record, { signal, traceparent: null })
  } catch (thrown) {
    if (thrown instanceof RecordFailure || thrown instanceof PipelineError) return thrown
    throw thrown
  }
}

function codeOf(result: unknown): string {
  return (result as { code?: string }).code ?? 'ok'
}

describe('exec', () => {
  it('sends a line for each record, and takes what the process answers', async () => {
    const { operator, started } = await open(({ id, value }, process) => {
      const n = Number((value as JsonObject)['n'])
      const answers: JsonObject[] = [
        { value: { n, seen: true } },
        { value: null },
        { values: [1, [2], null] },
        { values: [] },
        { error: 'not this one' },
        { error: { why: 1 }, code: 'PEER_UNAVAILABLE' },
        { error: 'no', code: 'PEER_REJECTED' },
        { what: 1 },
        { values: 7 },
      ]
      process.answer({ id: id!, ...answers[n]! })
    })
    const results = await Promise.all(Array.from({ length: 9 }, (_, n) => ask(operator, { n })))
    expect(results.slice(0, 4)).toEqual([
      [{ n: 0, seen: true }],
      'filtered',
      [1, [2], null],
      'filtered',
    ])
    expect(results.slice(4).map(codeOf)).toEqual([
      'RECORD_EXEC',
      'PEER_UNAVAILABLE',
      'PEER_REJECTED',
      'RECORD_EXEC',
      'RECORD_EXEC',
    ])
    expect(results[4]).toMatchObject({ message: 'not this one' })
    expect(started).toHaveLength(1)
    expect(started[0]!.got[0]).toEqual({ id: 1, value: { n: 0 } })
    await operator.close()
    expect(started[0]!.isStopped).toBe(true)
  })

  it('tells the process key, headers and trace of a record, and numbers as they came', async () => {
    const { operator, started } = await open(echo)
    const value = decodeJson('{"__proto__":{"a":1},"n":12345678901234567890}')
    const headers = encodeHeaders([['h', Buffer.from('x\n"y')]])
    const record = recordOf(value, { key: 'k"1', headers })
    const result = await operator.process(record, { signal, traceparent: '00-1-2-01' })
    expect(started[0]!.got[0]).toMatchObject({
      key: 'k"1',
      headers: { h: 'x\n"y' },
      traceparent: '00-1-2-01',
    })
    expect(JSON.stringify(result)).toBe('[{"__proto__":{"a":1},"n":12345678901234567890}]')
    expect('a' in {}).toBe(false)
  })

  it('takes answers in any order and cut anywhere', async () => {
    const { operator, started } = await open(() => {})
    const results = [1, 2, 3].map((n) => ask(operator, { n }))
    await turns(2)
    const text = [3, 1, 2].map((id) => `{"id":${id},"value":"é${id}"}\n`).join('')
    for (const byte of Buffer.from(text)) started[0]!.options.onOutput(Uint8Array.of(byte))
    expect(await Promise.all(results)).toEqual([['é1'], ['é2'], ['é3']])
  })

  it('lets lines that answer nothing be, and tells of a few', async () => {
    const { operator, told } = await open(({ id, value }, process) => {
      process.say('debug\n\n[1]\n{"id":99,"value":1}\n{"id":"1","value":1}\n')
      process.answer({ id: id!, value: value! })
      for (let line = 0; line < 1_000; line++) process.say(`${'x'.repeat(5_000)}\n`)
    })
    expect(await ask(operator, 1)).toEqual([1])
    expect(told).toHaveLength(10)
    expect(told[0]).toBe('enrich now wrote a line that answers nothing: "debug"')
    expect(told[9]!.length).toBeLessThan(400)
  })

  it('starts the process again when it has ended, and gives up what it had in its order', async () => {
    const { operator, started, clock } = await open((request, process) => {
      if (process.pid === 1) return
      echo(request, process)
    })
    const order: number[] = []
    const results = [1, 2, 3].map(async (n) => {
      const result = await ask(operator, { n })
      order.push(n)
      return result
    })
    await turns(2)
    started[0]!.end('signal SIGKILL')
    const failed = await Promise.all(results)
    expect(failed.map(codeOf)).toEqual(['PEER_UNAVAILABLE', 'PEER_UNAVAILABLE', 'PEER_UNAVAILABLE'])
    expect(failed[0]).toMatchObject({ message: 'enrich now ended (signal SIGKILL)' })
    expect(order).toEqual([1, 2, 3])
    const again = [1, 2, 3].map((n) => ask(operator, { n }))
    await turns(2)
    expect(started[1]!.got).toEqual([])
    await clock.advance(1_000)
    expect(await Promise.all(again)).toEqual([[{ n: 1 }], [{ n: 2 }], [{ n: 3 }]])
  })

  it('finds the record that a process ends on, and blames no other', async () => {
    const { operator, started, clock } = await open((request, process) => {
      if (request['value'] === 'poison') process.end('exit code 1')
      else echo(request, process)
    })
    const given = ['a', 'poison', 'b']
    const first = given.map((value) => ask(operator, value))
    await turns(4)
    expect((await Promise.all(first)).map(codeOf)).toEqual([
      'ok',
      'PEER_UNAVAILABLE',
      'PEER_UNAVAILABLE',
    ])
    const second = given.slice(1).map((value) => ask(operator, value))
    await clock.advance(1_000)
    expect((await Promise.all(second)).map(codeOf)).toEqual(['PEER_REJECTED', 'PEER_UNAVAILABLE'])
    expect(started[1]!.got).toHaveLength(1)
    const third = ask(operator, 'b')
    await clock.advance(1_000)
    expect(await third).toEqual(['b'])
  })

  it('blames no record for a process that ends whatever it is given', async () => {
    const { operator, started, clock } = await open(() => {})
    for (let time = 0; time < 5; time++) {
      const asked = ask(operator, 'a')
      await turns(2)
      started.at(-1)!.end('exit code 1')
      expect(codeOf(await asked)).toBe('PEER_UNAVAILABLE')
      await clock.advance(900)
    }
  })

  it('kills a process that gives no answer, however much it was sent, and blames the one record', async () => {
    const { operator, started, clock } = await open(() => {}, { deadline: '5s', settle: '100ms' })
    const both = [ask(operator, 1), ask(operator, 2)]
    await turns(2)
    started[0]!.answer({ id: 1, value: 1 })
    await clock.advance(4_999)
    expect(started[0]!.isKilled).toBe(false)
    await clock.advance(1)
    expect(started[0]!.isKilled).toBe(true)
    expect((await Promise.all(both)).map(codeOf)).toEqual(['ok', 'PEER_UNAVAILABLE'])
    const again = ask(operator, 2)
    await clock.advance(100)
    await clock.advance(5_000)
    expect(await again).toMatchObject({
      code: 'PEER_REJECTED',
      message:
        'enrich now was killed: it gave no answer within 5000 ms (`deadline`) on this record alone',
    })
  })

  it('does not hurry a process that answers slowly but steadily', async () => {
    const { operator, started, clock } = await open(() => {}, { deadline: '5s' })
    const asked = [1, 2, 3].map((n) => ask(operator, n))
    await turns(2)
    for (const id of [1, 2, 3]) {
      await clock.advance(4_000)
      started[0]!.answer({ id, value: id })
    }
    expect(await Promise.all(asked)).toEqual([[1], [2], [3]])
    // Without records it may be silent for as long as it likes.
    await clock.advance(60_000)
    expect(started[0]!.isKilled).toBe(false)
  })

  it.each([
    ['a line without an end', 'x'.repeat(600)],
    ['a long line among others', `{"id":1}\n${'x'.repeat(2_000)}\n`],
  ])('kills a process that writes %s', async (_, text) => {
    const { operator, started } = await open(() => {}, { max_line: '1KB' })
    const asked = ask(operator, 1)
    await turns(2)
    started[0]!.say(text)
    started[0]!.say(text)
    await turns(2)
    expect(started[0]!.isKilled).toBe(true)
    expect(codeOf(await asked)).not.toBe('ok')
  })

  it('writes no more to a process that does not read than it has begun to', async () => {
    const { operator, started } = await open((request, process) => {
      process.reads = false
      echo(request, process)
    })
    const big = 'x'.repeat(70_000)
    const asked = [1, 2, 3].map(() => ask(operator, big))
    await turns(3)
    expect(started[0]!.got).toHaveLength(1)
    started[0]!.readOn()
    await turns(3)
    expect(started[0]!.got).toHaveLength(2)
    started[0]!.readOn()
    await Promise.all(asked)
  })

  it('keeps one process for each key, and uses all of them', async () => {
    const { operator, started } = await open(echo, {}, 3)
    const keys = Array.from({ length: 60 }, (_, n) => `k${n % 20}`)
    await Promise.all(keys.map((key, n) => ask(operator, n, key)))
    await Promise.all([1, 2, 3].map((n) => ask(operator, n)))
    expect(started).toHaveLength(3)
    const seen = started.map(({ got }) => new Set(got.flatMap(({ key }) => key ?? [])))
    expect(seen.every(({ size }) => size > 0)).toBe(true)
    expect(seen.reduce((sum, { size }) => sum + size, 0)).toBe(20)
    for (const { got } of started) {
      const order = got.flatMap(({ key, value }) => (key === undefined ? [] : [Number(value)]))
      expect(order).toEqual(order.toSorted((a, b) => a - b))
    }
    await operator.close()
    expect(started.every(({ isStopped }) => isStopped)).toBe(true)
  })

  it('says at once that there is no such program', async () => {
    await expect(open(echo, { argv: ['missing'] })).rejects.toMatchObject({
      code: 'CONFIG_FILE',
      message: expect.stringContaining(
        'cannot be started: spawn missing ENOENT; check `argv`',
      ) as unknown,
    })
  })

  it('gives up what it has when it is closed', async () => {
    const { operator } = await open(() => {})
    const asked = ask(operator, 1)
    await turns(2)
    await operator.close()
    expect(codeOf(await asked)).toBe('PEER_UNAVAILABLE')
  })
})
