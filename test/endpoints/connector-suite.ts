import { afterEach, beforeEach, expect, it } from 'vitest'
import { createSystemClock } from '../../src/clock/system-clock.ts'
import {
  eventually,
  kill,
  memoryOf,
  sinkPipeline,
  sourcePipeline,
  stop,
  SuitePipeline,
  type ConnectorSettings,
} from './suite-pipeline.ts'

/** The peer of a connector under test, with the way to it in the hands of the test. */
export interface Peer extends ConnectorSettings {
  /** Nothing of it can be reached, and connections end. */
  away(): Promise<void> | void
  back(): Promise<void> | void
  /** Connections stay open, and nothing comes or goes, until `back`. */
  silent(): Promise<void> | void
  remove(): Promise<void>
}

export interface SinkPeer extends Peer {
  /** All that has arrived, in this order. */
  received(): Promise<readonly SuiteRecord[]>
}

export interface SourcePeer extends Peer {
  /** Offers the values, in this order; resolves when the peer has them. Texts are handed over as they are. */
  send(values: readonly (SuiteRecord | string)[]): Promise<void>
  /** How often it was told that what it sent cannot be taken; where such texts are no records. */
  refusals?(): number
}

export interface SuiteRecord {
  readonly key: string
  readonly n: number
  readonly text?: string
}

export interface SinkSuite {
  readonly open: () => Promise<SinkPeer>
  /** What happens to records when the process is killed at any moment. */
  readonly guarantee: 'once' | 'at_least_once'
  /** A value that the peer refuses, with the code of its dead letter. */
  readonly bad: { readonly value: unknown; readonly code: string }
  /** What is told while the peer is away, behind "is blocked: ". */
  readonly blocked: RegExp
  /** Default 4,000. */
  readonly records?: number
}

export interface SourceSuite {
  readonly open: () => Promise<SourcePeer>
  readonly guarantee: 'once' | 'at_least_once'
  /** A text that is no record, with the code of its dead letter; null: who sends it is told, and nothing is kept. */
  readonly bad: { readonly text: string; readonly code: string | null }
  /** As of a sink; null for one that waits to be called, which no peer can block. */
  readonly blocked: RegExp | null
  readonly records?: number
}

const clock = createSystemClock()
const defaultRecords = 4_000
/** Longer than the time after which a run that was told to stop gives up what is under way. */
const stopMs = 8_000
const silentMs = 2_000
const keys = 7
/** What a process that reads without bound would soon have more of. */
const memoryBound = 512 * 1024 * 1024

/** What every sink has to fulfil, with the real server and the real command. Call it inside a `describe`. */
export function itIsASink({
  open,
  guarantee,
  bad,
  blocked,
  records: count = defaultRecords,
}: SinkSuite): void {
  let peer: SinkPeer
  let pipeline: SuitePipeline
  const records = someRecords(count)

  beforeEach(async () => {
    peer = await open()
    pipeline = new SuitePipeline(sinkPipeline(peer), peer)
    pipeline.input(records)
  })

  afterEach(async () => {
    pipeline.remove()
    await peer.remove()
  })

  const arrived = (wanted: number) =>
    eventually(`${wanted} records`, async () => (await peer.received()).length >= wanted)
  const expectAll = async (wanted: readonly SuiteRecord[] = records) => {
    const received = await peer.received()
    if (guarantee === 'once') expect(inOrderOfKeys(received)).toEqual(inOrderOfKeys(wanted))
    else expect(inOrderOfKeys(firstOfEach(received))).toEqual(inOrderOfKeys(wanted))
  }

  it('hands on every record, those of a key in order, and ends', async () => {
    await pipeline.run()
    expect(inOrderOfKeys(await peer.received())).toEqual(inOrderOfKeys(records))
    expect(pipeline.deadLetters()).toEqual([])
  })

  it('hands on nothing again when it is started again', async () => {
    await pipeline.run()
    await pipeline.run()
    expect(await peer.received()).toHaveLength(count)
    const more = someRecords(count + 100)
    pipeline.input(more)
    await pipeline.run()
    await expectAll(more)
  })

  it('loses nothing when it is killed at any moment', async () => {
    for (const part of [0, 0.25, 0.5]) {
      const run = pipeline.start()
      await arrived(Math.max(1, part * count))
      await kill(run)
    }
    await pipeline.run()
    await expectAll()
    expect(pipeline.deadLetters()).toEqual([])
  })

  it('waits for a peer that is away when it starts', async () => {
    await peer.away()
    const run = pipeline.start()
    await run.until(({ stderr }) => blocked.test(blockedText(stderr)))
    await peer.back()
    expect((await run.ended).code).toBe(0)
    await expectAll()
    expect(pipeline.deadLetters()).toEqual([])
  })

  it('waits for a peer that goes away in the middle', async () => {
    const run = pipeline.start()
    await arrived(1)
    for (let times = 0; times < 3; times++) {
      await peer.away()
      await peer.back()
    }
    expect((await run.ended).code).toBe(0)
    await expectAll()
    expect(pipeline.deadLetters()).toEqual([])
  })

  it('keeps little in memory while the peer takes nothing, and stops in time', async () => {
    pipeline.input(someRecords(20 * count, 'x'.repeat(1_000)))
    const run = pipeline.start()
    await arrived(1)
    await peer.silent()
    await clock.sleep(silentMs)
    expect(memoryOf(run)).toBeLessThan(memoryBound)
    const { tookMs } = await stop(run)
    expect(tookMs).toBeLessThan(stopMs)
    await peer.back()
  })

  it('stops in the middle and goes on from there', async () => {
    const run = pipeline.start()
    await arrived(1)
    const { tookMs } = await stop(run)
    expect(tookMs).toBeLessThan(stopMs)
    await pipeline.run()
    await expectAll()
  })

  it('dead-letters what the peer refuses, alone', async () => {
    const half = count / 2
    pipeline.input([...records.slice(0, half), bad.value, ...records.slice(half), bad.value])
    await pipeline.run()
    await expectAll()
    expect(pipeline.deadLetters().map(({ code }) => code)).toEqual([bad.code, bad.code])
  })
}

/** What every source has to fulfil, with the real server and the real command. Call it inside a `describe`. */
export function itIsASource({
  open,
  guarantee,
  bad,
  blocked,
  records: count = defaultRecords,
}: SourceSuite): void {
  let peer: SourcePeer
  let pipeline: SuitePipeline
  const records = someRecords(count)

  beforeEach(async () => {
    peer = await open()
    pipeline = new SuitePipeline(sourcePipeline(peer), peer)
  })

  afterEach(async () => {
    pipeline.remove()
    await peer.remove()
  })

  const arrived = (wanted: number) =>
    eventually(`${wanted} records`, () => pipeline.output().length >= wanted)
  const expectAll = (wanted: readonly SuiteRecord[] = records) => {
    const output = pipeline.output() as SuiteRecord[]
    const kept = guarantee === 'once' ? output : firstOfEach(output)
    expect(inOrderOfKeys(kept)).toEqual(inOrderOfKeys(wanted))
  }

  it('hands on every record in order, also those that come later', async () => {
    const run = pipeline.start()
    await peer.send(records.slice(0, count / 2))
    await arrived(count / 2)
    await peer.send(records.slice(count / 2))
    await arrived(count)
    expect((await stop(run)).code).toBe(0)
    expectAll()
    expect(pipeline.deadLetters()).toEqual([])
  })

  it('goes on where it was when it is started again', async () => {
    for (const [from, to] of [
      [0, 0.5],
      [0.5, 0.75],
      [0.75, 1],
    ] as const) {
      const run = pipeline.start()
      await peer.send(records.slice(from * count, to * count))
      await arrived(to * count)
      await stop(run)
    }
    expectAll()
  })

  it('loses nothing when it is killed at any moment', async () => {
    await peer.send(records)
    for (const part of [0, 0.25, 0.5]) {
      const run = pipeline.start()
      await arrived(Math.max(1, part * count))
      await kill(run)
    }
    const run = pipeline.start()
    await eventually(
      'all records',
      () => firstOfEach(pipeline.output() as SuiteRecord[]).length >= count,
    )
    await stop(run)
    expectAll()
    expect(pipeline.deadLetters()).toEqual([])
  })

  it('waits for a peer that is away when it starts', async () => {
    await peer.send(records)
    await peer.away()
    const run = pipeline.start()
    // One that waits to be called is not blocked by that nobody calls.
    if (blocked === null) await clock.sleep(silentMs)
    else await run.until(({ stderr }) => blocked.test(blockedText(stderr)))
    if (blocked === null) expect(blockedText(run.stderr)).toBe('')
    await peer.back()
    await arrived(count)
    await stop(run)
    expectAll()
    expect(pipeline.deadLetters()).toEqual([])
  })

  it('waits for a peer that goes away in the middle', async () => {
    const run = pipeline.start()
    for (let part = 0; part < 4; part++) {
      await peer.send(records.slice((part * count) / 4, ((part + 1) * count) / 4))
      await peer.away()
      await peer.back()
    }
    await eventually(
      'all records',
      () => firstOfEach(pipeline.output() as SuiteRecord[]).length >= count,
    )
    await stop(run)
    expectAll()
    expect(pipeline.deadLetters()).toEqual([])
  })

  it('stops in time while the peer is silent', async () => {
    const run = pipeline.start()
    await peer.send(records)
    await arrived(1)
    await peer.silent()
    const { tookMs } = await stop(run)
    expect(tookMs).toBeLessThan(stopMs)
    await peer.back()
  })

  it(`${bad.code === null ? 'refuses' : 'dead-letters'} what is no record, alone`, async () => {
    const { text, code } = bad
    for (const part of [records.slice(0, 10), [text], records.slice(10, 20)]) await peer.send(part)
    const run = pipeline.start()
    if (code === null) await eventually('the refusal', () => peer.refusals?.() === 1)
    else await eventually('the dead letter', () => pipeline.deadLetters().length > 0)
    await arrived(20)
    await stop(run)
    expectAll(records.slice(0, 20))
    const codes = code === null ? [] : [code]
    expect(pipeline.deadLetters().map((letter) => letter.code)).toEqual(codes)
  })
}

function someRecords(count: number, text?: string): SuiteRecord[] {
  return Array.from({ length: count }, (_, n) => ({
    key: `k${n % keys}`,
    n,
    ...(text === undefined ? {} : { text }),
  }))
}

/** Keys in order of the alphabet; what one key has keeps its order. */
function inOrderOfKeys(records: readonly SuiteRecord[]): string[] {
  return records
    .map(({ key, n }) => ({ key, n }))
    .toSorted((left, right) => (left.key < right.key ? -1 : left.key > right.key ? 1 : 0))
    .map(({ key, n }) => `${key} ${n}`)
}

function firstOfEach(records: readonly SuiteRecord[]): SuiteRecord[] {
  const seen = new Set<number>()
  return records.filter(({ n }) => !seen.has(n) && seen.add(n))
}

function blockedText(stderr: string): string {
  return /is blocked: (.*)/.exec(stderr)?.[1] ?? ''
}
