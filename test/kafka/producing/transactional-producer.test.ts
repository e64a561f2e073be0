import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { describeWithKafka } from '../broker/describe-with-kafka.ts'
import {
  again,
  clock,
  copy,
  failureOf,
  inputOf,
  numbers,
  offsetsTo,
  ProxiedBroker,
  range,
} from './producing-fixture.ts'

describeWithKafka('the transactional producer', () => {
  let kafka: ProxiedBroker

  beforeAll(async () => {
    kafka = await ProxiedBroker.start()
  })
  afterEach(() => kafka.closeProducers())
  afterAll(() => kafka.stop())

  it('commits outputs together with the position', async () => {
    await kafka.newTask('together')
    const sender = kafka.transactional('together')
    expect(await sender.open()).toEqual([
      { group: 'together', positions: [{ ...inputOf('together'), offset: null }] },
    ])
    expect(await copy(sender, 'together', [0, 10])).toBe('committed')
    expect(await copy(sender, 'together', [10, 10])).toBe('committed')
    expect(await kafka.numbersIn('together')).toEqual([range(0, 20)])
    expect(await kafka.positionOf('together')).toBe(20n)
  })

  it('commits positions without outputs, and outputs of several batches per partition', async () => {
    await kafka.newTask('shapes', 2)
    const sender = kafka.transactional('shapes')
    await sender.open()
    expect(await sender.commit({ outputs: [], offsets: offsetsTo('shapes', 5) })).toBe('committed')
    expect(await kafka.positionOf('shapes')).toBe(5n)
    const outputs = range(0, 12).map((call) => ({
      topic: 'shapes',
      partition: call % 2,
      batch: numbers((call >> 1) * 10, 10),
    }))
    expect(await sender.commit({ outputs, offsets: offsetsTo('shapes', 6) })).toBe('committed')
    expect(await kafka.numbersIn('shapes')).toEqual([range(0, 60), range(0, 60)])
  })

  it('waits when it opens until the transaction of its predecessor is undone', async () => {
    await kafka.newTask('left-open')
    const first = await kafka.client.initProducer('left-open', 60_000)
    await kafka.client.addPartitions({ ...first, transactionalId: 'left-open' }, [
      { topic: 'left-open', partition: 0 },
    ])
    const sender = kafka.transactional('left-open')
    await sender.open()
    expect(await copy(sender, 'left-open', [0, 3])).toBe('committed')
    expect(await kafka.numbersIn('left-open')).toEqual([range(0, 3)])
  })

  it('fences the producer that had the id before, which writes nothing any more', async () => {
    await kafka.newTask('zombie')
    const zombie = kafka.transactional('zombie')
    await zombie.open()
    expect(await copy(zombie, 'zombie', [0, 5])).toBe('committed')
    const owner = kafka.transactional('zombie')
    const [found] = await owner.open()
    expect(found!.positions).toEqual([{ ...inputOf('zombie'), offset: 5n }])
    expect(await failureOf(copy(zombie, 'zombie', [5, 5]))).toMatchObject({ kind: 'fenced' })
    expect(zombie.counts).toMatchObject({ commits: 1, fenced: 1, reinits: 0 })
    expect(await copy(owner, 'zombie', [5, 5])).toBe('committed')
    expect(await kafka.numbersIn('zombie')).toEqual([range(0, 10)])
    await expect(copy(zombie, 'zombie', [5, 5])).rejects.toThrow('a producer is open')
  })

  it('refuses a commit whose outcome could not be found out', async () => {
    await kafka.newTask('blind')
    const sender = kafka.transactional('blind')
    await sender.open()
    const outputs = [{ topic: 'blind', partition: 0, batch: numbers(0, 5) }]
    await expect(sender.commit({ outputs, offsets: [] })).rejects.toThrow('outcome')
    expect(await copy(sender, 'blind', [0, 5])).toBe('committed')
    await expect(copy(sender, 'blind', [0, 5])).rejects.toThrow('outcome')
  })

  it('stops when something else commits for its group', async () => {
    await kafka.newTask('foreign')
    const sender = kafka.transactional('foreign')
    await sender.open()
    expect(await copy(sender, 'foreign', [0, 5])).toBe('committed')
    const stored = [{ ...inputOf('foreign'), offset: 77n }]
    await again(() => kafka.client.commitOffsets('foreign', null, stored))
    kafka.proxy.inject({ api: 'EndTxn', action: 'drop_request' })
    const failure = await failureOf(copy(sender, 'foreign', [5, 5]))
    expect(failure).toMatchObject({ code: 'POSITION_MISMATCH', kind: 'fenced' })
    expect(await kafka.numbersIn('foreign')).toEqual([range(0, 5)])
  })

  it('knows of a first position that was stored after it was opened', async () => {
    await kafka.newTask('first-position')
    const sender = kafka.transactional('first-position')
    await sender.open()
    const stored = [{ ...inputOf('first-position'), offset: 3n }]
    await kafka.client.commitOffsets('first-position', null, stored)
    kafka.proxy.inject({ api: 'EndTxn', action: 'drop_request' })
    expect(await copy(sender, 'first-position', [3, 5])).toBe('not_kept')
    expect(await copy(sender, 'first-position', [3, 5])).toBe('committed')
    expect(await kafka.numbersIn('first-position')).toEqual([range(3, 5)])
  })

  it('says that a topic is not there, after it has waited for it', async () => {
    await kafka.newTask('no-output')
    const sender = kafka.transactional('no-output', { transactionTimeoutMs: 1_000 })
    await sender.open()
    const outputs = [{ topic: 'never-made', partition: 0, batch: numbers(0, 1) }]
    const failure = await failureOf(sender.commit({ outputs, offsets: offsetsTo('no-output', 1) }))
    expect(failure.code).toBe('UNKNOWN_TOPIC_OR_PARTITION')
    expect(await kafka.positionOf('no-output')).toBeNull()
  })

  it('leaves the id alone when the task is no longer its own', async () => {
    await kafka.newTask('cut-off')
    const isStillOwner = () => Promise.resolve(false)
    const zombie = kafka.transactional('cut-off', { isStillOwner })
    await zombie.open()
    kafka.proxy.inject({ api: 'Produce', action: 'drop_response' })
    const failing = failureOf(copy(zombie, 'cut-off', [0, 5]))
    expect(await failing).toMatchObject({ code: 'NOT_OWNER', kind: 'fenced' })
    expect(zombie.counts).toMatchObject({ fenced: 1, reinits: 0 })
  })

  it('aborts at once what it has begun when it is closed', async () => {
    await kafka.newTask('closing')
    const sender = kafka.transactional('closing')
    await sender.open()
    expect(await copy(sender, 'closing', [0, 5])).toBe('committed')
    const held = kafka.proxy.inject({ api: 'TxnOffsetCommit', action: 'hold_request' })
    const committing = failureOf(copy(sender, 'closing', [5, 5]))
    await held.happened
    const startUs = clock.monotonicUs()
    const closed = sender.close()
    expect(await committing).toMatchObject({ code: 'CLOSED' })
    held.release()
    await closed
    expect((clock.monotonicUs() - startUs) / 1_000).toBeLessThan(5_000)
    // The records lie in the log, and behind them the mark that they do not count.
    const place = { topic: 'closing', partition: 0 }
    await expect
      .poll(() => kafka.client.listOffsets([place], 'latest', 'read_committed'))
      .toEqual([12n])
    expect(await kafka.numbersIn('closing')).toEqual([range(0, 5)])
    expect(await kafka.numbersIn('closing', 'read_uncommitted')).toEqual([range(0, 10)])
  })

  it('keeps nothing of a commit with a record that its topic does not take', async () => {
    await kafka.newTask('too-large')
    await kafka.client.alterConfigs('too-large', { 'max.message.bytes': '1000' })
    const sender = kafka.transactional('too-large')
    await sender.open()
    const outputs = [
      { topic: 'too-large', partition: 0, batch: numbers(0, 5) },
      { topic: 'too-large', partition: 0, batch: numbers(5, 1, 2_000) },
    ]
    const failure = await failureOf(sender.commit({ outputs, offsets: offsetsTo('too-large', 6) }))
    expect(failure).toMatchObject({ code: 'MESSAGE_TOO_LARGE', kind: 'config' })
    expect(await kafka.numbersIn('too-large')).toEqual([])
    expect(await kafka.positionOf('too-large')).toBeNull()
    await sender.open()
    expect(await copy(sender, 'too-large', [0, 5])).toBe('committed')
  })

  it('keeps nothing, and can go on, when the coordinator has ended its transaction', async () => {
    await kafka.newTask('timed-out')
    const sender = kafka.transactional('timed-out', { transactionTimeoutMs: 1_000 })
    await sender.open()
    const held = kafka.proxy.inject({ api: 'Produce', action: 'hold_request' })
    const committing = failureOf(copy(sender, 'timed-out', [0, 5]))
    await held.happened
    await clock.sleep(2_000)
    held.release()
    expect(await committing).toMatchObject({ kind: 'fenced' })
    // Its owner looks whether the task is still its own, and opens it again.
    await sender.open()
    expect(await copy(sender, 'timed-out', [0, 5])).toBe('committed')
    expect(await kafka.numbersIn('timed-out')).toEqual([range(0, 5)])
  })
})
