import { describe, expect, it } from 'vitest'
import type { HookEvent } from '../../src/core/hook.ts'
import { logListener } from '../../src/hooks/log.ts'
import { listenerEnvironment } from './listener-fixture.ts'

const failed: HookEvent = {
  id: 'e1',
  event: 'record_failed',
  pipeline: 'orders',
  stage: 'clean',
  timeMs: 0,
  data: { code: 'RECORD_CAST', stage: 'not this one' },
  value: { card: '4111' },
}

async function linesOf(config: unknown, event: HookEvent): Promise<unknown[]> {
  const lines: unknown[] = []
  const listener = await logListener.create(logListener.config.parse(config), {
    ...listenerEnvironment(),
    log: (...line) => lines.push(line),
  })
  await listener.notify(event, new AbortController().signal)
  return lines
}

describe('log listener', () => {
  it('writes the name of the event at level info if nothing else is said', async () => {
    expect(await linesOf({}, failed)).toEqual([
      [
        'info',
        'record_failed',
        { event: 'record_failed', pipeline: 'orders', stage: 'clean', code: 'RECORD_CAST' },
      ],
    ])
  })

  it('writes the text and level of its setting', async () => {
    expect(await linesOf({ level: 'error', message: 'bad order' }, failed)).toMatchObject([
      ['error', 'bad order', {}],
    ])
  })

  it('never writes the value of the record', async () => {
    expect(JSON.stringify(await linesOf({}, failed))).not.toContain('4111')
  })

  it('does not let the names in the data reach a prototype', async () => {
    const data = JSON.parse('{"__proto__": {"polluted": true}}') as HookEvent['data']
    await linesOf({}, { ...failed, data })
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
  })

  it.each([{ level: 'loud' }, { message: '' }, { text: 'x' }, 'warn'])(
    'refuses the setting %j',
    (config) => {
      expect(logListener.config.safeParse(config).success).toBe(false)
    },
  )

  it('accepts its own examples', () => {
    for (const { config } of logListener.examples)
      expect(() => logListener.config.parse(config)).not.toThrow()
  })
})
