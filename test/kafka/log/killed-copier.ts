import { expect } from 'vitest'
import { kafkaFailpoints, type KafkaFailpoint } from '../../../src/logs/kafka/failpoint.ts'
import { sharedBroker } from '../broker/describe-with-kafka.ts'
import { topicsOf } from './copier.ts'
import { expectedCounts, expectedValues, startCopier, stateOf, valuesIn } from './copier-process.ts'
import { freshName } from './kafka-log-fixture.ts'

const brokers = sharedBroker.address
const size = { batches: 5, recordsPerBatch: 20 }
const records = size.batches * size.recordsPerBatch

const withoutTransaction: readonly KafkaFailpoint[] = [
  'before-positions',
  'after-positions-sent',
  'after-positions',
]
const inTransaction = kafkaFailpoints.filter((point) => !withoutTransaction.includes(point))
const ofPositions: readonly KafkaFailpoint[] = ['after-add-offsets', 'after-offsets']

/** Every failpoint of a commit in a transaction, with the times at which to kill there. */
export const exactCases = inTransaction.map((point) => [point, timesOf(point)] as const)
export const leastCases = [
  ...withoutTransaction.map((point) => [point, [1, 2]] as const),
  ['after-produce', [11]] as const,
]

/**
 * The feeder passes each point once when it begins and then once in every batch, but for those of
 * positions, of which it has none; then comes the copier, which begins with a commit of its own.
 */
function timesOf(point: KafkaFailpoint): number[] {
  if (point === 'after-init') return [1, 2]
  const beginnings = point === 'after-produce' ? 4 : 2
  return ofPositions.includes(point) ? [1, 3] : [1, 3, size.batches + beginnings + 2]
}

/** Kills a copier at each of the places, one after the other, and has the next one finish. */
export async function assertExactAfter(...failpoints: readonly string[]): Promise<void> {
  const name = freshName('kill')
  const options = { brokers, name, ...size, delivery: 'exactly_once' } as const
  for (const failpoint of failpoints)
    expect(await startCopier({ ...options, failpoint }).ended).toBe('SIGKILL')
  expect(await startCopier(options).ended).toBe(0)
  const { source, target } = topicsOf(name)
  expect(await valuesIn(brokers, source)).toEqual(expectedValues(records))
  expect(await valuesIn(brokers, target)).toEqual(expectedValues(records))
  const { fed, counts } = await stateOf(brokers, name)
  expect(fed).toBe(size.batches)
  expect(counts).toEqual(expectedCounts(records))
}

/** The same at least once: nothing is lost, and what is repeated is in order. */
export async function assertNothingLostAfter(failpoint: string): Promise<void> {
  const name = freshName('kill-alo')
  const options = { brokers, name, ...size, delivery: 'at_least_once' } as const
  expect(await startCopier({ ...options, failpoint }).ended).toBe('SIGKILL')
  expect(await startCopier(options).ended).toBe(0)
  const values = await valuesIn(brokers, topicsOf(name).target)
  // Two runs of one order: the second one begins at or before the end of the first.
  const turn = values.findIndex((value, index) => value !== `v${index}`)
  const back = turn === -1 ? values.length : turn
  expect(values.slice(0, back)).toEqual(expectedValues(back))
  const from = Number((values[back] ?? `v${records}`).slice(1))
  expect(from).toBeLessThanOrEqual(back)
  expect(values.slice(back)).toEqual(expectedValues(records).slice(from))
}
