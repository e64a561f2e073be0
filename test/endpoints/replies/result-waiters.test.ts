import { describe, expect, it, onTestFinished } from 'vitest'
import { PipelineError } from '../../../src/core/errors.ts'
import {
  replyHeader,
  ResultWaiters,
  type Result,
} from '../../../src/endpoints/replies/result-waiters.ts'
import { aResultEnvironment } from './result-topic.ts'

const { signal } = new AbortController()
const setting = { from: 'results', timeout: 1_000, dead_letters: 'failed' }
const peerAway = new PipelineError('PEER_UNAVAILABLE', 'the log is away')

/** Waiters on topics that a test writes to. */
async function waitersOnTopics() {
  const environment = aResultEnvironment()
  const { clock, topics, notices } = environment
  const waiters = new ResultWaiters(setting, environment)
  onTestFinished(() => waiters.close())
  await waiters.open(signal)
  const told: (string | null)[] = []
  const tell = (result: Result) =>
    void told.push(result.kind === 'value' ? String(result.value) : result.kind)
  const write = (...ids: (string | null)[]) =>
    topics.write(
      'results',
      ...ids.map((id) => ({
        value: `result of ${id}`,
        headers: id === null ? [] : ([[replyHeader, id]] as const),
      })),
    )
  return { clock, topics, waiters, notices, write, told, tell }
}

describe('who waits for a result', () => {
  it('is told of its own, once, whatever else comes', async () => {
    const { waiters, write, told, tell } = await waitersOnTopics()
    const [one, two] = [waiters.nextId(), waiters.nextId()]
    for (const id of [one, two]) waiters.wait(id, tell)
    await write(null, 'unknown', two, two, one)
    expect(told).toEqual([`result of ${two}`, `result of ${one}`])
    expect(waiters.waiting).toBe(0)
  })

  it('is told of a result that came before its message was known to be stored', async () => {
    const { waiters, write, told, tell } = await waitersOnTopics()
    const id = waiters.nextId()
    await write(id)
    waiters.wait(id, tell)
    expect(told).toEqual([`result of ${id}`])
  })

  it('is told of the dead letter that its message became', async () => {
    const { waiters, topics } = await waitersOnTopics()
    const results: Result[] = []
    const [early, id] = [waiters.nextId(), waiters.nextId()]
    waiters.wait(id, (result) => results.push(result))
    const about = [
      ['millrace-dlq-code', 'RECORD_CAST'],
      ['millrace-dlq-message', 'amount is no number'],
      ['millrace-dlq-stage', 'check'],
    ] as const
    for (const each of [early, id])
      await topics.write('failed', { value: 'x', headers: [[replyHeader, each], ...about] })
    waiters.wait(early, (result) => results.push(result))
    const failure = { code: 'RECORD_CAST', message: 'amount is no number', stage: 'check' }
    expect(results).toEqual([
      { kind: 'failed', ...failure },
      { kind: 'failed', ...failure },
    ])
  })

  it('is told that none came in time, counted from when it asked', async () => {
    const { clock, waiters, write, told, tell } = await waitersOnTopics()
    const id = waiters.nextId()
    await clock.advance(5_000)
    waiters.wait(id, tell)
    await clock.advance(900)
    expect(told).toEqual([])
    await clock.advance(1_100)
    expect(told).toEqual(['late'])
    await write(id)
    expect(told).toEqual(['late'])
  })

  it('is told at the end that none will come', async () => {
    const { waiters, told, tell } = await waitersOnTopics()
    waiters.wait(waiters.nextId(), tell)
    waiters.close()
    expect(told).toEqual(['closed'])
  })

  it('meets the error of a topic, and may try again', async () => {
    const environment = aResultEnvironment()
    const waiters = new ResultWaiters(setting, environment)
    onTestFinished(() => waiters.close())
    await environment.topics.fail(new PipelineError('CONFIG_USAGE', 'there is no topic t'))
    await expect(waiters.open(signal)).rejects.toThrow('there is no topic t')
    await expect(waiters.open(signal)).rejects.toThrow('there is no topic t')
    await environment.topics.fail(null)
    await waiters.open(signal)
    expect(environment.notices).toEqual([])
  })

  it('gets its result from a topic that could not be read meanwhile, which is said once', async () => {
    const { clock, topics, waiters, notices, write, told, tell } = await waitersOnTopics()
    await topics.fail(peerAway)
    await clock.advance(5_000)
    const said = /^results in the topic (results|failed) cannot be read just now: the log is away;/
    expect(notices).toEqual([expect.stringMatching(said), expect.stringMatching(said)])
    await topics.fail(null)
    await clock.advance(1_000)
    const id = waiters.nextId()
    waiters.wait(id, tell)
    await write(id)
    expect(told).toEqual([`result of ${id}`])
  })

  it('finds no topic where nothing can be read', async () => {
    const { topics: _none, ...environment } = aResultEnvironment()
    const waiters = new ResultWaiters(setting, environment)
    onTestFinished(() => waiters.close())
    await expect(waiters.open(signal)).rejects.toMatchObject({ code: 'CONFIG_USAGE' })
  })
})
