import { describe, expect, it } from 'vitest'
import type { HookEvent, HookEventName, Listener } from '../../src/core/hook.ts'
import { listenerDeadlineMs, maxWaitingEvents } from '../../src/runtime/hook-limits.ts'
import { type Hook, HookRunner } from '../../src/runtime/hook-runner.ts'
import {
  type HookProblem,
  maxParallelCalls,
  problemIntervalMs,
} from '../../src/runtime/listener-queue.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'

function anEvent(value: number, event: HookEventName = 'record_failed'): HookEvent {
  return { id: `e${value}`, event, pipeline: 'p', stage: 'clean', timeMs: 0, data: {}, value }
}

function aHook(notify: Listener['notify'], hook: Partial<Hook> = {}): Hook {
  return { on: ['record_failed'], when: null, listener: { notify }, name: 'test', ...hook }
}

function run(...hooks: readonly Hook[]) {
  const clock = new VirtualClock(0)
  const problems: HookProblem[] = []
  const runner = new HookRunner({
    stage: 'clean',
    hooks,
    clock,
    onProblem: (problem) => problems.push(problem),
  })
  return { clock, problems, runner }
}

function publish(runner: HookRunner, count: number): void {
  for (let value = 0; value < count; value++) runner.publish(anEvent(value))
}

describe('hook runner', () => {
  it('delivers events in their order, after the publisher has returned', async () => {
    const seen: unknown[] = []
    const { clock, runner } = run(aHook((event) => void seen.push(event.value)))
    publish(runner, 200)
    expect(seen).toEqual([])
    await Promise.resolve()
    expect(seen).toEqual([])
    await clock.advance(1)
    expect(seen).toEqual(Array.from({ length: 200 }, (_, value) => value))
    expect(runner.stats()).toMatchObject([
      { stage: 'clean', event: 'record_failed', listener: 'test', delivered: 200, failed: 0 },
    ])
  })

  it('tells of a failure with the trace of the record that the event was about', async () => {
    const { clock, problems, runner } = run(
      aHook(() => {
        throw new Error('no')
      }),
    )
    const ids = { trace_id: 'ab'.repeat(16), span_id: 'cd'.repeat(8) }
    runner.publish({ ...anEvent(1), data: { ...ids, code: 'RECORD_CAST' } })
    await clock.advance(1)
    expect(problems).toMatchObject([{ kind: 'failed', message: 'no', ids }])
    expect(problems[0]!.ids).toEqual(ids)
  })

  it('delivers to each listener only the events that it wants', async () => {
    const seen: string[] = []
    const { clock, runner } = run(
      aHook(({ event }) => void seen.push(`a ${event}`), {
        on: ['record_late', 'record_failed', 'record_late'],
      }),
      aHook(({ event }) => void seen.push(`b ${event}`)),
    )
    expect(runner.wants('record_late')).toBe(true)
    expect(runner.wants('record_processed')).toBe(false)
    runner.publish(anEvent(1, 'record_processed'))
    runner.publish(anEvent(1, 'record_late'))
    runner.publish(anEvent(1, 'record_failed'))
    await clock.advance(1)
    expect(seen).toEqual(['a record_late', 'a record_failed', 'b record_failed'])
  })

  it('delivers only events for which `when` is true, as they were when they were published', async () => {
    const seen: unknown[] = []
    const { clock, runner } = run(
      aHook((event) => void seen.push(event.value), {
        when: (event) => (event.value === 'text' ? 1 : event.value !== 2),
      }),
    )
    publish(runner, 4)
    runner.publish({ ...anEvent(0), value: 'text' })
    await clock.advance(1)
    expect(seen).toEqual([0, 1, 3])
  })

  it('counts a `when` that throws as a failure of the listener', async () => {
    const { clock, problems, runner } = run(
      aHook(() => {}, {
        when: () => {
          throw new TypeError('arithmetic on null')
        },
      }),
    )
    expect(() => runner.publish(anEvent(1))).not.toThrow()
    await clock.advance(1)
    expect(runner.stats()).toMatchObject([{ delivered: 0, failed: 1 }])
    expect(problems).toMatchObject([
      { kind: 'failed', message: '`when` cannot be evaluated: arithmetic on null', count: 1 },
    ])
  })

  it('counts what is thrown and what is rejected, and goes on', async () => {
    const { clock, problems, runner } = run(
      aHook((event) => {
        if (event.value === 0) throw new Error('sync')
        // oxlint-disable-next-line prefer-promise-reject-errors -- user code may reject with anything
        return event.value === 1 ? Promise.reject('async') : Promise.resolve()
      }),
    )
    publish(runner, 3)
    await clock.advance(1)
    expect(runner.stats()).toMatchObject([{ delivered: 1, failed: 2, timedOut: 0, dropped: 0 }])
    await clock.advance(problemIntervalMs)
    await runner.close(0)
    expect(problems.reduce((sum, { count }) => sum + count, 0)).toBe(2)
    expect(problems.at(-1)).toMatchObject({
      stage: 'clean',
      listener: 'test',
      event: 'record_failed',
      message: 'async',
    })
  })

  it('takes whatever a user function returns', async () => {
    const odd = [
      7,
      {},
      {
        get then(): never {
          throw new Error('no then')
        },
      },
      { then: (ok: () => void) => ok() },
    ]
    const { clock, runner } = run(
      aHook((event) => odd[event.value as number] as unknown as Promise<void>),
    )
    publish(runner, odd.length)
    await clock.advance(1)
    expect(runner.stats()).toMatchObject([{ delivered: 3, failed: 1 }])
  })

  it('abandons a listener at its deadline, aborts its signal and frees its slot', async () => {
    const aborted: unknown[] = []
    const { clock, problems, runner } = run(
      aHook((event, signal) => {
        signal.addEventListener('abort', () => aborted.push(event.value))
        return new Promise<void>(() => {})
      }),
    )
    publish(runner, maxParallelCalls + 1)
    await clock.advance(listenerDeadlineMs - 1)
    expect(runner.stats()).toMatchObject([{ timedOut: 0, waitUs: 0 }])
    await clock.advance(1)
    expect(aborted).toEqual(Array.from({ length: maxParallelCalls }, (_, value) => value))
    expect(problems).toMatchObject([
      {
        kind: 'timed_out',
        count: maxParallelCalls,
        message: 'the listener did not finish within 5 s',
      },
    ])
    await clock.advance(listenerDeadlineMs)
    expect(runner.stats()).toMatchObject([
      {
        timedOut: maxParallelCalls + 1,
        runUs: (maxParallelCalls + 1) * listenerDeadlineMs * 1_000,
        waitUs: listenerDeadlineMs * 1_000,
      },
    ])
    expect(clock.pending).toBe(0)
  })

  it('ignores what an abandoned listener does later', async () => {
    const late = Promise.withResolvers<void>()
    const { clock, runner } = run(aHook(() => late.promise))
    publish(runner, 1)
    await clock.advance(listenerDeadlineMs)
    late.reject(new Error('too late'))
    await clock.advance(1)
    expect(runner.stats()).toMatchObject([{ delivered: 0, failed: 0, timedOut: 1 }])
  })

  it('drops and counts events when too many wait, and keeps the first ones', async () => {
    const seen: unknown[] = []
    const { problems, runner } = run(aHook((event) => void seen.push(event.value)))
    publish(runner, maxWaitingEvents + 25)
    await runner.close(problemIntervalMs)
    expect(seen).toHaveLength(maxWaitingEvents)
    expect(seen.at(-1)).toBe(maxWaitingEvents - 1)
    expect(runner.stats()).toMatchObject([{ delivered: maxWaitingEvents, dropped: 25 }])
    expect(problems).toMatchObject([{ kind: 'dropped', count: 25 }])
  })

  it('keeps up with asynchronous listeners that are quick', async () => {
    const { clock, runner } = run(aHook(async () => {}))
    for (let round = 0; round < 10; round++) {
      publish(runner, 500)
      await clock.advance(1)
    }
    expect(runner.stats()).toMatchObject([{ delivered: 5_000, dropped: 0 }])
  })

  it('does not let a hanging listener hold up another one', async () => {
    const seen: unknown[] = []
    const { clock, runner } = run(
      aHook(() => new Promise<void>(() => {}), { name: 'hangs' }),
      aHook((event) => void seen.push(event.value), { name: 'works' }),
    )
    for (let round = 0; round < 20; round++) {
      publish(runner, 100)
      await clock.advance(1)
    }
    expect(seen).toHaveLength(2_000)
    expect(runner.stats()).toMatchObject([
      { listener: 'hangs', dropped: 2_000 - maxWaitingEvents - maxParallelCalls },
      { listener: 'works', dropped: 0 },
    ])
  })

  it('tells of a problem that goes on at intervals, with how often it happened', async () => {
    const { clock, problems, runner } = run(
      aHook(() => {
        throw new Error('no')
      }),
    )
    publish(runner, 1)
    await clock.advance(1)
    publish(runner, 500)
    await clock.advance(1)
    expect(problems.map(({ count }) => count)).toEqual([1])
    await clock.advance(problemIntervalMs)
    publish(runner, 1)
    await clock.advance(1)
    expect(problems.map(({ count }) => count)).toEqual([1, 501])
  })

  it('times handling and waiting', async () => {
    const { clock, runner } = run(aHook(() => clock.sleep(30)))
    publish(runner, 2 * maxParallelCalls)
    await clock.advance(100)
    expect(runner.stats()).toMatchObject([
      {
        delivered: 2 * maxParallelCalls,
        runUs: 2 * maxParallelCalls * 30_000,
        waitUs: maxParallelCalls * 30_000,
      },
    ])
  })
})

describe('closing a hook runner', () => {
  it('waits until all events are handled', async () => {
    const { clock, runner } = run(aHook(() => clock.sleep(10)))
    publish(runner, 3 * maxParallelCalls)
    let isClosed = false
    const closed = runner.close(1_000).then(() => {
      isClosed = true
    })
    await clock.advance(29)
    expect(isClosed).toBe(false)
    await clock.advance(1)
    await closed
    expect(runner.stats()).toMatchObject([{ delivered: 3 * maxParallelCalls }])
    expect(clock.pending).toBe(0)
  })

  it('returns at once when nothing waits', async () => {
    const { runner } = run(aHook(() => {}))
    await runner.close(1_000)
    expect(runner.stats()).toEqual([])
  })

  it('gives up at its deadline and counts what was not handled', async () => {
    const { clock, problems, runner } = run(aHook(() => new Promise<void>(() => {})))
    publish(runner, maxParallelCalls + 5)
    const closed = runner.close(100)
    await clock.advance(100)
    await closed
    expect(runner.stats()).toMatchObject([{ timedOut: maxParallelCalls, dropped: 5 }])
    expect(problems.map(({ kind, count }) => [kind, count])).toEqual([
      ['dropped', 5],
      ['timed_out', maxParallelCalls],
    ])
    expect(clock.pending).toBe(0)
  })

  it('drops what is published afterwards', async () => {
    const { clock, runner } = run(aHook(() => expect.unreachable()))
    await runner.close(0)
    publish(runner, 2)
    await clock.advance(1)
    expect(runner.stats()).toMatchObject([{ delivered: 0, dropped: 2 }])
  })
})

describe('limits of a hook', () => {
  it('are a rate: what is over it is counted, and the next event tells how many', async () => {
    const seen: HookEvent[] = []
    const limits = { deadlineMs: 5_000, queue: 1_000, rate: { count: 3, perMs: 60_000 } }
    const { clock, problems, runner } = run(aHook((event) => void seen.push(event), { limits }))
    publish(runner, 10)
    await clock.advance(1)
    expect(seen.map(({ value }) => value)).toEqual([0, 1, 2])
    expect(runner.stats()).toMatchObject([{ delivered: 3, limited: 7, dropped: 0 }])
    expect(problems).toMatchObject([{ kind: 'limited', count: 7 }])
    await clock.advance(20_000)
    publish(runner, 2)
    await clock.advance(1)
    expect(seen.at(-1)!.data).toEqual({ left_out: 7 })
    await clock.advance(60_000)
    publish(runner, 1)
    await clock.advance(1)
    expect(seen.at(-1)!.data).toEqual({ left_out: 1 })
    expect(runner.stats()).toMatchObject([{ delivered: 5, limited: 8 }])
  })

  it('are a deadline and a queue of its own', async () => {
    const limits = { deadlineMs: 200, queue: 2, rate: null }
    const { clock, problems, runner } = run(aHook(() => new Promise(() => {}), { limits }))
    for (let calls = 0; calls < maxParallelCalls; calls += 2) {
      publish(runner, 2)
      await clock.advance(1)
    }
    publish(runner, 3)
    await clock.advance(150)
    expect(runner.stats()).toMatchObject([{ timedOut: 0, dropped: 1 }])
    await clock.advance(1_000)
    expect(runner.stats()).toMatchObject([{ timedOut: maxParallelCalls + 2, dropped: 1 }])
    expect(problems.map(({ message }) => message)).toContain(
      'the listener did not finish within 0.2 s',
    )
  })
})
