import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { describeWithKafka } from '../broker/describe-with-kafka.ts'
import { copy, numbers, ProxiedBroker, range, transactionSteps } from './producing-fixture.ts'

describeWithKafka('the transactional producer that loses answers', () => {
  let kafka: ProxiedBroker

  beforeAll(async () => {
    kafka = await ProxiedBroker.start()
  })
  afterEach(() => kafka.closeProducers())
  afterAll(() => kafka.stop())

  for (const step of transactionSteps) {
    it.each(['drop_response', 'drop_request', 'cut_inside_response'] as const)(
      `finds out what became of a transaction whose ${step} got no answer: %s`,
      async (action) => {
        const id = `lost-${step}-${action}`
        await kafka.newTask(id)
        const sender = kafka.transactional(id)
        await sender.open()
        let done = 0
        for (const nth of [1, 2]) {
          const fault = kafka.proxy.inject({ api: step, nth, action })
          while (fault.times === 0) {
            const outcome = await copy(sender, id, [done, 5])
            if (outcome === 'committed') done += 5
            // Only the end decides; and what was decided must not be done again.
            const mayBeKept = step === 'EndTxn' && action !== 'drop_request'
            if (fault.times > 0) expect(outcome).toBe(mayBeKept ? 'committed' : 'not_kept')
          }
        }
        expect(await copy(sender, id, [done, 5])).toBe('committed')
        expect(await kafka.numbersIn(id)).toEqual([range(0, done + 5)])
        expect(await kafka.positionOf(id)).toBe(BigInt(done + 5))
        expect(sender.counts).toMatchObject({ indefinite: 2, reinits: 2, fenced: 0 })
      },
    )
  }

  it('opens although its first answers are lost', async () => {
    await kafka.newTask('lost-open')
    kafka.proxy.inject({ api: 'InitProducerId', action: 'drop_response' })
    kafka.proxy.inject({ api: 'OffsetFetch', action: 'drop_response' })
    const sender = kafka.transactional('lost-open')
    await sender.open()
    expect(await copy(sender, 'lost-open', [0, 5])).toBe('committed')
    expect(await kafka.numbersIn('lost-open')).toEqual([range(0, 5)])
  })

  it.each([true, false])(
    'asks whether the outputs were kept where no position moves: %s',
    async (kept) => {
      const id = `decided-${kept}`
      await kafka.newTask(id)
      const sender = kafka.transactional(id)
      await sender.open()
      const outputs = [{ topic: id, partition: 0, batch: numbers(0, 5) }]
      kafka.proxy.inject({ api: 'EndTxn', action: kept ? 'drop_response' : 'drop_request' })
      let asked = 0
      const decide = async () => {
        asked += 1
        return (await kafka.numbersIn(id)).flat().includes(4)
      }
      expect(await sender.commit({ outputs, offsets: [], decide })).toBe(
        kept ? 'committed' : 'not_kept',
      )
      expect(asked).toBe(1)
    },
  )

  it('needs no decision before the end was asked for', async () => {
    await kafka.newTask('undecided')
    const sender = kafka.transactional('undecided')
    await sender.open()
    kafka.proxy.inject({ api: 'Produce', action: 'drop_response' })
    const outputs = [{ topic: 'undecided', partition: 0, batch: numbers(0, 5) }]
    const decide = () => Promise.reject(new Error('must not be asked'))
    expect(await sender.commit({ outputs, offsets: [], decide })).toBe('not_kept')
    expect(await kafka.numbersIn('undecided')).toEqual([])
  })
})
