import type { TopicPartition } from '../../../core/log.ts'
import type { KafkaClient } from '../client/kafka-client.ts'
import type { GroupOffsets } from './open-transaction.ts'
import { transactionOutcome, type OffsetEvidence } from './transaction-outcome.ts'

export interface GroupInputs {
  readonly group: string
  readonly partitions: readonly TopicPartition[]
}

export interface GroupPositions {
  readonly group: string
  /** null: the group has no position there. */
  readonly positions: readonly (TopicPartition & { readonly offset: bigint | null })[]
}

/** The positions that a task has committed, as it knows them, and as the cluster does. */
export class TaskPositions {
  readonly #client: KafkaClient
  readonly #inputs: readonly GroupInputs[]
  readonly #committed = new Map<string, bigint | null>()

  constructor(options: { client: KafkaClient; inputs: readonly GroupInputs[] }) {
    this.#client = options.client
    this.#inputs = options.inputs
  }

  /** Whether an input had no position when they were read: whoever opened the task may have stored one since. */
  get areIncomplete(): boolean {
    return this.#committed.values().some((offset) => offset === null)
  }

  /** Reads those of all inputs, and knows them from then on. @throws KafkaError */
  async read(): Promise<readonly GroupPositions[]> {
    const groups: GroupPositions[] = []
    for (const { group, partitions } of this.#inputs) {
      const offsets = await this.#client.fetchOffsets(group, partitions)
      const positions = partitions.map(({ topic, partition }, index) => {
        const offset = offsets[index] ?? null
        this.#committed.set(keyOf(group, { topic, partition }), offset)
        return { topic, partition, offset }
      })
      groups.push({ group, positions })
    }
    return groups
  }

  committed(groups: readonly GroupOffsets[]): void {
    for (const { group, offsets } of groups) {
      for (const input of offsets) this.#committed.set(keyOf(group, input), input.offset)
    }
  }

  /** Whether one of the positions is another one than before, so that they can tell the outcome. */
  areMovedBy(groups: readonly GroupOffsets[]): boolean {
    return groups.some(({ group, offsets }) =>
      offsets.some((input) => this.#previous(group, input) !== input.offset),
    )
  }

  /** What the positions that the cluster has now say about a transaction that was to write `groups`. */
  async outcomeOf(
    groups: readonly GroupOffsets[],
  ): Promise<'committed' | 'not_kept' | 'foreign' | 'unknown'> {
    const evidence: OffsetEvidence[] = []
    for (const { group, offsets } of groups) {
      const found = await this.#client.fetchOffsets(group, offsets)
      for (const [index, input] of offsets.entries()) {
        evidence.push({
          previous: this.#previous(group, input),
          next: input.offset,
          found: found[index] ?? null,
        })
      }
    }
    return transactionOutcome(evidence)
  }

  #previous(group: string, input: TopicPartition): bigint | null {
    return this.#committed.get(keyOf(group, input)) ?? null
  }
}

function keyOf(group: string, { topic, partition }: TopicPartition): string {
  return JSON.stringify([group, topic, partition])
}
