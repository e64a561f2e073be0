import { describe, expect, it } from 'vitest'
import { createLogger } from '../../src/cli/create-logger.ts'
import type { LogLevel } from '../../src/core/hook.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'

function aLogger(format: 'text' | 'json', level: LogLevel = 'info') {
  const lines: string[] = []
  const clock = new VirtualClock(Date.UTC(2026, 0, 1, 14, 5, 9))
  return { log: createLogger({ level, format, clock, write: (line) => lines.push(line) }), lines }
}

describe('the log of the process', () => {
  it('is lines with time, level, message and fields', () => {
    const { log, lines } = aLogger('text')
    log('warn', 'orders wait', { stage: 'clean', lag: 12, why: 'two words', list: [1] })
    log('info', 'plain')
    expect(lines).toEqual([
      '14:05:09 warn  orders wait  stage=clean lag=12 why="two words" list=[1]',
      '14:05:09 info  plain',
    ])
  })

  it('is JSON where machines read it', () => {
    const { log, lines } = aLogger('json')
    log('error', 'it broke', { code: 'LOG_IO' })
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      {
        timestamp: '2026-01-01T14:05:09.000Z',
        severity_text: 'ERROR',
        severity_number: 17,
        body: 'it broke',
        attributes: { code: 'LOG_IO' },
      },
    ])
  })

  it('names the trace and the span of a record where the data model wants them, and in text at the end', () => {
    const ids = { trace_id: 'ab'.repeat(16), span_id: 'cd'.repeat(8) }
    const [json, text] = [aLogger('json'), aLogger('text')]
    for (const { log } of [json, text]) log('warn', 'dead', { ...ids, stage: 'clean' })
    expect(JSON.parse(json.lines[0]!)).toMatchObject({ ...ids, attributes: { stage: 'clean' } })
    expect(text.lines[0]).toBe(
      `14:05:09 warn  dead  stage=clean trace_id=${ids.trace_id} span_id=${ids.span_id}`,
    )
  })

  it('takes for ids only what can be one', () => {
    const { log, lines } = aLogger('json')
    log('warn', 'odd', { trace_id: { nested: true }, span_id: null })
    expect(JSON.parse(lines[0]!)).toMatchObject({
      attributes: { trace_id: { nested: true }, span_id: null },
    })
  })

  it('leaves out what is less important than was asked for', () => {
    const { log, lines } = aLogger('text', 'warn')
    log('debug', 'a')
    log('info', 'b')
    log('warn', 'c')
    expect(lines).toHaveLength(1)
  })

  it('is one line per entry, whatever stands in it', () => {
    const { log, lines } = aLogger('text')
    log('info', 'two\nlines \u001b[2J', { 'a\nb': 'c\nd' })
    expect(lines).toHaveLength(1)
    expect(lines[0]).not.toContain('\n')
    expect(lines[0]).not.toContain('\u001b')
  })

  it('lets no field take the place of its own', () => {
    const [json, text] = [aLogger('json'), aLogger('text')]
    const forged = { body: 'forged', severity_text: 'forged', timestamp: 'forged', attributes: 1 }
    for (const { log } of [json, text]) log('info', 'the message', forged)
    expect(JSON.parse(json.lines[0]!)).toMatchObject({ body: 'the message', attributes: forged })
    expect(text.lines[0]).toMatch(/^14:05:09 info {2}the message {2}body=forged /)
  })
})
