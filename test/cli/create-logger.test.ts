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
      { level: 'error', time: '2026-01-01T14:05:09.000Z', message: 'it broke', code: 'LOG_IO' },
    ])
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

  it.each(['text', 'json'] as const)('lets no field take the place of its own in %s', (format) => {
    const { log, lines } = aLogger(format)
    log('info', 'the message', { message: 'forged', level: 'forged', time: 'forged' })
    expect(lines[0]).toContain('the message')
    expect(lines[0]).toMatch(/message_.*forged/)
  })
})
