import { consumeAll, type JavaRecord } from '../java/kafka-tool.ts'
import { type Order, windowMs, type Workload } from './workload.ts'

/** What a run has written, or should have, by partition and in order where that is fixed. */
export interface Written {
  /** Ids in `clean`, by partition: in the order of the input. */
  readonly clean: readonly (readonly string[])[]
  /** Values in the dead-letter topic, sorted. */
  readonly deadLetters: readonly string[]
  /** Results of closed windows, sorted: what they are about, how many orders, and their sum. */
  readonly totals: readonly string[]
  readonly countries: readonly string[]
}

export interface Expected {
  readonly written: Written
  readonly filtered: number
}

/** The records that close the windows have windows of their own, which stay open. */
const isLast = ({ id }: Order) => id.startsWith('last')

/**
 * Computes it anew from the records of the input topic as Kafka's own client reads them, one by one and
 * with nothing of Millrace.
 */
export async function expectedOf(workload: Workload, address: string): Promise<Expected> {
  const input = await consumeAll(address, workload.topic('in'), { isolation: 'read_committed' })
  const clean: string[][] = Array.from({ length: workload.partitions }, () => [])
  const deadLetters: string[] = []
  const totals = new Map<string, Sum>()
  const countries = new Map<string, Sum>()
  let filtered = 0
  for (const { partition, key, value } of input) {
    const order = parsed(value!)
    if (order === null) {
      deadLetters.push(value!.toString())
      continue
    }
    if (order.amount < 0) {
      filtered += 1
      continue
    }
    clean[partition]!.push(order.id)
    if (isLast(order)) continue
    const start = Math.floor(order.ts / windowMs) * windowMs
    add(totals, `${start} ${key!.toString()}`, order.amount)
    add(countries, `${start} ${order.country}`, order.amount * 2)
  }
  const written = {
    clean,
    deadLetters: deadLetters.toSorted(),
    totals: shown(totals),
    countries: shown(countries),
  }
  return { written, filtered }
}

/** What the topics hold. */
export async function foundIn(workload: Workload, address: string): Promise<Written> {
  const read = (end: Parameters<Workload['topic']>[0]) =>
    consumeAll(address, workload.topic(end), { isolation: 'read_committed' })
  return {
    clean: idsByPartition(await read('clean'), workload.partitions),
    deadLetters: (await read('clean.dlq')).map(({ value }) => value!.toString()).toSorted(),
    totals: results(await read('totals'), 'user'),
    countries: results(await read('countries'), 'country'),
  }
}

export function idsByPartition(records: readonly JavaRecord[], partitions: number): string[][] {
  const ids: string[][] = Array.from({ length: partitions }, () => [])
  for (const { partition, value } of records) ids[partition]!.push(parsed(value!)!.id)
  return ids
}

/** The first time that each id comes, in order: what is left where records may be repeated. */
export function withoutRepeats(ids: readonly string[]): string[] {
  return [...new Set(ids)]
}

interface Sum {
  n: number
  sum: number
}

function add(sums: Map<string, Sum>, name: string, amount: number): void {
  const before = sums.get(name) ?? { n: 0, sum: 0 }
  sums.set(name, { n: before.n + 1, sum: before.sum + amount })
}

function shown(sums: ReadonlyMap<string, Sum>): string[] {
  return [...sums].map(([name, { n, sum }]) => `${name} ${n} ${sum}`).toSorted()
}

function results(records: readonly JavaRecord[], by: 'user' | 'country'): string[] {
  return records
    .map(({ value }) => {
      const result = JSON.parse(value!.toString()) as Sum & {
        window_start: string
        user?: string
        country?: string
      }
      return `${Date.parse(result.window_start)} ${result[by]} ${result.n} ${result.sum}`
    })
    .toSorted()
}

function parsed(value: Buffer): Order | null {
  try {
    return JSON.parse(value.toString()) as Order
  } catch {
    return null
  }
}
