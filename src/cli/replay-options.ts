import { InvalidArgumentError } from 'commander'
import { moment, period } from './command-options.ts'

/** A dead letter by its place, as `dlq show` prints it. */
export interface LetterId {
  /** null: of any topic. */
  readonly topic: string | null
  readonly partition: number
  readonly offset: bigint
}

/** `0/12`, `orders.clean.dlq 0/12` or `orders.clean.dlq/0/12` */
export function letterId(text: string, before: readonly LetterId[] = []): LetterId[] {
  const [, topic = null, partition, offset] =
    /^(?:(.+)[ /])?(\d{1,9})\/(\d{1,18})$/.exec(text) ?? []
  if (partition === undefined || offset === undefined)
    throw new InvalidArgumentError('It is PARTITION/OFFSET, as `dlq show` prints it: 0/12.')
  return [...before, { topic, partition: Number(partition), offset: BigInt(offset) }]
}

/** How far back, or since when. */
export type Since = { readonly agoMs: number } | { readonly atMs: number }

export function since(text: string): Since {
  try {
    return { agoMs: period(text) }
  } catch {
    return { atMs: moment(text) }
  }
}

/** Epoch ms. */
export function sinceMs(from: Since, nowMs: number): number {
  return 'agoMs' in from ? nowMs - from.agoMs : from.atMs
}
