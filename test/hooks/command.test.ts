import { describe, expect, it } from 'vitest'
import type { HookEvent, Listener } from '../../src/core/hook.ts'
import type { ProcessCall, ProcessResult } from '../../src/core/process-runner.ts'
import { commandListener } from '../../src/hooks/command.ts'
import { listenerEnvironment } from './listener-fixture.ts'

const event: HookEvent = {
  id: 'e1',
  event: 'record_failed',
  pipeline: 'p',
  stage: 'clean',
  timeMs: 5,
  data: { code: 'RECORD_CAST' },
  value: { id: '$(rm -rf /)' },
}

const good: ProcessResult = { exitCode: 0, stdout: 'done', stderr: '', isCut: false }

async function called(result: Partial<ProcessResult>, settings: object = {}) {
  const calls: ProcessCall[] = []
  const lines: unknown[] = []
  const config = commandListener.config.parse({ argv: ['./page', '--now', '$HOME'], ...settings })
  const listener: Listener = await commandListener.create(
    config,
    listenerEnvironment({
      log: (...line) => lines.push(line),
      processes: {
        run: (call) => {
          calls.push(call)
          return Promise.resolve({ ...good, ...result })
        },
      },
    }),
  )
  await listener.notify(event, new AbortController().signal)
  return { calls, lines }
}

describe('the listener command', () => {
  it('hands arguments on as they stand, and the event by standard input alone', async () => {
    const { calls, lines } = await called({})
    expect(calls).toMatchObject([
      { argv: ['./page', '--now', '$HOME'], folder: null, maxOutputBytes: 16_384 },
    ])
    expect(JSON.parse(calls[0]!.stdin)).toMatchObject({ id: 'e1', data: { value: event.value } })
    expect(lines).toMatchObject([['debug', 'the command ./page has run', { stdout: 'done' }]])
  })

  it('fails with the end of what the program said', async () => {
    const stderr = `${'x'.repeat(2_000)}: no such pager`
    await expect(called({ exitCode: 1, stderr })).rejects.toMatchObject({
      code: 'PEER_REJECTED',
      message: expect.stringMatching(
        /^the command \.\/page ended with the exit code 1: x{1,500}: no such pager$/,
      ),
    })
    await expect(called({ exitCode: null, stdout: '' })).rejects.toThrow(
      /^the command \.\/page was ended by a signal$/,
    )
  })

  it('takes the exit code 75 for a peer that is away', async () => {
    await expect(called({ exitCode: 75 })).rejects.toMatchObject({ code: 'PEER_UNAVAILABLE' })
  })

  it('needs a program', () => {
    for (const argv of [[], [''], 'ls -l'])
      expect(commandListener.config.safeParse({ argv }).success).toBe(false)
  })
})
