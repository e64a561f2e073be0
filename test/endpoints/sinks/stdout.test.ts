import { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import type { Sink } from '../../../src/core/endpoints.ts'
import { stdoutSink } from '../../../src/endpoints/sinks/stdout.ts'
import { aBatch, anEnvironment, errorOf } from '../endpoint-fixture.ts'

const { signal } = new AbortController()

function aSink(
  setting: Record<string, unknown>,
  stdout?: Writable,
): { sink: Sink; printed: () => string } {
  const environment = anEnvironment()
  const sink = stdoutSink.create(
    stdoutSink.config.parse(setting),
    { ...environment, stdout: stdout ?? environment.stdout },
    null,
  )
  return { sink, printed: environment.printed }
}

function aBrokenPipe(code: string): Writable {
  return new Writable({
    write(_chunk, _encoding, callback) {
      callback(Object.assign(new Error(`write ${code}`), { code }))
    },
  })
}

describe('the stdout sink', () => {
  it('prints a line per record, as it is', async () => {
    const { sink, printed } = aSink({})
    const { failures } = await sink.write(aBatch(['{"a": 1}', null, 'x\ny', '{\n"b":2}']), signal)
    expect(printed()).toBe('{"a": 1}\nnull\n{"b":2}\n')
    expect(failures.map(({ index }) => index)).toEqual([2])
  })

  it('prints indented JSON, and what is no JSON as it is', async () => {
    const { sink, printed } = aSink({ format: 'json_pretty' })
    await sink.write(aBatch(['{"a":12345678901234567890}', 'x', null]), signal)
    expect(printed()).toBe('{\n  "a": 12345678901234567890\n}\nx\nnull\n')
  })

  it('stops at its limit over batches', async () => {
    for (const format of ['ndjson', 'json_pretty']) {
      const { sink, printed } = aSink({ format, limit: 3 })
      for (const batch of [['1', '2'], ['3', '4'], ['5']]) await sink.write(aBatch(batch), signal)
      await sink.close()
      expect(printed()).toBe('1\n2\n3\n')
    }
  })

  it('prints one table at the end, numbers to the right, and how many records are not in it', async () => {
    const { sink, printed } = aSink({ format: 'table', limit: 3 })
    await sink.write(
      aBatch(['{"origin":"JFK","flights":12}', '{"origin":"LAX","flights":7,"late":0.25}']),
      signal,
    )
    await sink.write(aBatch(['5', '{}', '{}']), signal)
    expect(printed()).toBe('')
    await sink.close()
    await sink.close()
    expect(printed()).toBe(
      [
        'origin  flights  late  value',
        '──────  ───────  ────  ─────',
        'JFK          12',
        'LAX           7  0.25',
        '                           5',
        '… and 2 more',
        '',
      ].join('\n'),
    )
  })

  it('prints nothing where there was nothing', async () => {
    const { sink, printed } = aSink({ format: 'table' })
    await sink.close()
    expect(printed()).toBe('')
  })

  it('lets no control character of the data reach the terminal in a table', async () => {
    const { sink, printed } = aSink({ format: 'table' })
    await sink.write(
      aBatch([JSON.stringify({ 'a\u001b[2J': `\u001b]0;x\u0007\r\n${'y'.repeat(100_000)}` })]),
      signal,
    )
    await sink.close()
    // oxlint-disable-next-line no-control-regex -- these are the characters to look for
    expect(printed()).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/)
    expect(printed().length).toBeLessThan(200)
  })

  it('drops the rest quietly when its reader has gone', async () => {
    const { sink } = aSink({}, aBrokenPipe('EPIPE'))
    expect((await sink.write(aBatch(['1']), signal)).failures).toEqual([])
    expect((await sink.write(aBatch(['2']), signal)).failures).toEqual([])
    await sink.close()
  })

  it('throws any other error', async () => {
    const { sink } = aSink({}, aBrokenPipe('EIO'))
    const error = await errorOf(sink.write(aBatch(['1']), signal))
    expect([error.code, error.message]).toEqual(['FILE_FAILED', 'writing stdout: write EIO'])
  })

  it('waits until its output is taken, but not beyond the end of the run', async () => {
    let take = (): void => {}
    const slow = new Writable({
      highWaterMark: 1,
      write: (_chunk, _encoding, callback) => void (take = callback),
    })
    const { sink } = aSink({}, slow)
    let isTaken = false
    const writing = sink.write(aBatch(['1']), signal).then(() => (isTaken = true))
    await Promise.resolve()
    expect(isTaken).toBe(false)
    take()
    await writing
    const controller = new AbortController()
    const stuck = errorOf(sink.write(aBatch(['2']), controller.signal))
    controller.abort()
    expect((await stuck).code).toBe('PEER_UNAVAILABLE')
  })

  it('refuses a table of more rows than it holds in memory', () => {
    expect(stdoutSink.config.safeParse({ format: 'table', limit: 10_001 }).success).toBe(false)
    expect(stdoutSink.config.safeParse({ format: 'ndjson', limit: 10_001 }).success).toBe(true)
  })
})
