import type { Clock, Random } from '../../../core/clock.ts'
import { invariant } from '../../../core/errors.ts'
import { namePartitions } from '../client/by-topic.ts'
import type { KafkaClient, Transaction } from '../client/kafka-client.ts'
import { KafkaError } from '../client/kafka-error.ts'
import type { Codec } from '../records/codec.ts'
import { RetryDelay } from '../retry-delay.ts'
import { unlessAborted } from '../../../core/unless-aborted.ts'
import { BatchSender, type SendVerdict } from './batch-sender.ts'
import { HangingTransaction } from './hanging-transaction.ts'
import { OpenTransaction, stoppedError, type TransactionContent } from './open-transaction.ts'
import { TaskPositions, type GroupInputs, type GroupPositions } from './task-positions.ts'
import type { TopicLimits } from './topic-limits.ts'

export interface TransactionalProducerOptions {
  readonly client: KafkaClient
  readonly clock: Clock
  readonly random: Random
  readonly limits: TopicLimits
  readonly codec: Codec
  /** Whether records of the topic carry the timing header. */
  readonly timing: (topic: string) => boolean
  /** The id of the task: it follows the task from worker to worker, and fences the one before. */
  readonly transactionalId: string
  /** Whose positions its transactions move. */
  readonly inputs: readonly GroupInputs[]
  /** Topics that its commits write to: looked through for what brokers have left open. */
  readonly outputs?: readonly string[]
  /** After this time the coordinator aborts a transaction by itself. */
  readonly transactionTimeoutMs?: number
  /**
   * Asked before the id is taken again after an error. A worker that was cut off for long would otherwise
   * fence the one that has its task now.
   */
  readonly isStillOwner?: () => Promise<boolean>
  /** Told when the cluster cannot be worked with for the moment, and (null) when it can again. */
  readonly onTrouble?: (error: KafkaError | null) => void
  /** Told what operators of the cluster should know. */
  readonly notice?: (message: string) => void
}

export interface TransactionCommit extends TransactionContent {
  /**
   * Whether the outputs were kept, read from the log itself: asked after an error, once nothing of the
   * transaction can happen any more. Needed where no position moves.
   */
  readonly decide?: () => Promise<boolean>
}

const defaultTransactionTimeoutMs = 60_000
/** The part of the transaction timeout in which requests are tried again. */
const patience = 0.75
/** The last transaction is decided, and its marks are being written. */
const completing: ReadonlySet<string> = new Set([
  'CONCURRENT_TRANSACTIONS',
  'UNSTABLE_OFFSET_COMMIT',
])
const concurrentDelays = { firstMs: 5, maxMs: 100 }
const reopenDelays = { firstMs: 20, maxMs: 5_000 }
/** Marks are in the log some ms after a transaction has ended. */
const markDelays = { firstMs: 50, maxMs: 1_000 }
/** How long `close` waits for the end of a transaction that it aborts. */
const abortTimeoutMs = 1_500

/**
 * Writes the commits of one task, each as a whole or not at all. After every error that leaves open what
 * happened it takes its id again: that aborts what is left of the transaction, lets nothing of it that is
 * still on its way take effect, and the positions then tell whether it had been committed before.
 */
export class TransactionalProducer {
  /** For tests and metrics. */
  readonly counts = {
    commits: 0,
    aborts: 0,
    indefinite: 0,
    reinits: 0,
    fenced: 0,
    retries: 0,
    hanging: 0,
  }
  readonly #options: TransactionalProducerOptions
  readonly #positions: TaskPositions
  readonly #hanging: HangingTransaction
  readonly #closing = new AbortController()
  #transaction: Transaction | null = null
  #sender: BatchSender | null = null
  #deadlineUs = 0
  #open: OpenTransaction | null = null
  #committing: Promise<unknown> | null = null
  #isTroubled = false
  #isFirst = true

  constructor(options: TransactionalProducerOptions) {
    this.#options = options
    this.#positions = new TaskPositions(options)
    this.#hanging = new HangingTransaction({ outputs: [], ...options })
  }

  /**
   * Takes the id: whoever had it can commit nothing any more, and what it had begun is decided. Waits while
   * the cluster cannot be reached.
   * @returns the positions, read only then: not before are they final.
   * @throws KafkaError of kind `config` or `fatal`
   */
  async open(): Promise<readonly GroupPositions[]> {
    this.#isFirst = true
    await this.#identify()
    return this.#stable(() => this.#positions.read())
  }

  /**
   * @returns `not_kept`: nothing of it was kept, and it may be committed again.
   * @throws KafkaError `fenced`: the task belongs to somebody else, or somebody else has moved its positions;
   * `config`, `fatal`: nothing was kept, and trying again does not help; CLOSED: `close` was called.
   */
  async commit(commit: TransactionCommit): Promise<'committed' | 'not_kept'> {
    invariant(this.#transaction !== null, 'a producer is open when it commits')
    invariant(this.#committing === null, 'a task has one transaction at a time')
    const committing = this.#commit(commit)
    this.#committing = committing
    try {
      return await committing
    } finally {
      this.#committing = null
    }
  }

  /** Aborts what is under way. Nobody can commit through this producer any more. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#sender?.close(stoppedError())
    await this.#committing?.catch(() => {
      // Its caller gets the error.
    })
    await this.#giveUp()
  }

  async #commit(commit: TransactionCommit): Promise<'committed' | 'not_kept'> {
    if (this.#isFirst && this.#positions.areIncomplete) {
      await this.#stable(() => this.#positions.read())
    }
    this.#isFirst = false
    const canTell = commit.decide !== undefined || this.#positions.areMovedBy(commit.offsets)
    invariant(canTell, 'a commit moves a position, or says how its outcome can be found out')
    const { clock, transactionTimeoutMs = defaultTransactionTimeoutMs } = this.#options
    const startUs = clock.monotonicUs()
    this.#deadlineUs = startUs + transactionTimeoutMs * patience * 1_000
    const open = new OpenTransaction({
      ...this.#options,
      transaction: this.#transaction!,
      sender: this.#sender!,
      deadlineUs: this.#deadlineUs,
      signal: this.#closing.signal,
    })
    this.#open = open
    try {
      await open.commit(commit)
      this.#open = null
      return this.#committed(commit)
    } catch (error) {
      if (error instanceof KafkaError) return await this.#resolve(commit, { error, open })
      await this.#giveUp()
      throw error
    } finally {
      this.counts.retries += open.retries
    }
  }

  #committed({ offsets }: TransactionCommit): 'committed' {
    this.counts.commits += 1
    this.#positions.committed(offsets)
    return 'committed'
  }

  /** Finds out what became of a transaction that met an error. */
  async #resolve(
    commit: TransactionCommit,
    { error, open }: { error: KafkaError; open: OpenTransaction },
  ): Promise<'committed' | 'not_kept'> {
    if (error.kind === 'fenced') throw this.#fenced(error)
    if (isHopeless(error)) {
      await this.#giveUp()
      throw error
    }
    if (error.kind === 'indefinite') this.counts.indefinite += 1
    else this.counts.aborts += 1
    await this.#identifyAgain(error)
    this.#open = null
    const outcome = await this.#outcome(commit, open)
    if (outcome === 'committed') return this.#committed(commit)
    if (outcome === 'not_kept') return 'not_kept'
    throw this.#fenced(
      new KafkaError(
        { code: 'POSITION_MISMATCH', kind: 'fenced' },
        `the producer "${this.#options.transactionalId}" finds positions that it has not written: ` +
          'something else commits for this group; stop it, and start the pipeline again',
        { cause: error },
      ),
    )
  }

  async #outcome(
    { offsets, decide }: TransactionCommit,
    { isEndSent }: OpenTransaction,
  ): Promise<'committed' | 'not_kept' | 'foreign'> {
    const outcome = await this.#stable(() => this.#positions.outcomeOf(offsets))
    if (isEndSent) {
      if (outcome !== 'unknown') return outcome
      invariant(decide !== undefined, 'what moves no position can be decided')
      return (await this.#retried(decide)) ? 'committed' : 'not_kept'
    }
    // Its end was never asked for: nobody but another writer can have moved the positions.
    if (outcome === 'committed') return 'foreign'
    return outcome === 'unknown' ? 'not_kept' : outcome
  }

  async #identifyAgain(cause: KafkaError): Promise<void> {
    const { isStillOwner, transactionalId } = this.#options
    const { signal } = this.#closing
    const isOwner = isStillOwner === undefined || (await unlessAborted(isStillOwner(), signal))
    if (signal.aborted) throw stoppedError()
    if (isOwner !== true) {
      throw this.#fenced(
        new KafkaError(
          { code: 'NOT_OWNER', kind: 'fenced' },
          `the producer "${transactionalId}" was cut off, and its task belongs to another worker now`,
          { cause },
        ),
      )
    }
    this.counts.reinits += 1
    await this.#identify()
  }

  async #identify(): Promise<void> {
    const {
      client,
      transactionalId,
      transactionTimeoutMs = defaultTransactionTimeoutMs,
    } = this.#options
    this.#sender?.close(stoppedError())
    this.#transaction = null
    await this.#retried(() => this.#hanging.look())
    const identity = await this.#retried(() =>
      client.initProducer(transactionalId, transactionTimeoutMs),
    )
    const transaction = { ...identity, transactionalId }
    await this.#endHanging(transaction)
    this.#transaction = transaction
    this.#sender = new BatchSender({
      ...this.#options,
      identify: () => Promise.resolve(identity),
      judge: (error) => this.#judge(error),
    })
  }

  /** Until nothing is open: brokers may pass over the same partition again. */
  async #endHanging(transaction: Transaction): Promise<void> {
    const { clock, random } = this.#options
    const delay = new RetryDelay(markDelays, random)
    for (;;) {
      const open = await this.#retried(() => this.#hanging.openPartitions(transaction))
      if (open.length === 0) return
      this.#noteHanging(namePartitions(open))
      await this.#retried(() => this.#hanging.end(transaction, open))
      await clock.sleep(delay.next(), this.#closing.signal)
    }
  }

  /** Reads positions. Those that stay open for long now that the id is taken are left over, too. */
  #stable<Answer>(read: () => Promise<Answer>): Promise<Answer> {
    const transaction = this.#transaction
    return this.#retried(read, async () => {
      if (transaction === null) return
      this.#noteHanging('its positions')
      await this.#retried(() => this.#hanging.end(transaction, []))
    })
  }

  #noteHanging(where: string): void {
    const { notice, transactionalId } = this.#options
    this.counts.hanging += 1
    notice?.(
      `the brokers had left the last transaction of "${transactionalId}" open in ${where}, as KAFKA-20734 ` +
        'describes; it is being ended there as it was elsewhere',
    )
  }

  #judge(error: KafkaError): SendVerdict {
    const isInTime = this.#options.clock.monotonicUs() < this.#deadlineUs
    return error.kind === 'retriable' && isInTime ? 'again' : 'fail'
  }

  /** Requests that may be repeated whatever became of them: until they succeed, or nothing will help. */
  async #retried<Answer>(
    request: () => Promise<Answer>,
    endPositions?: () => Promise<void>,
  ): Promise<Answer> {
    const { clock, random, onTrouble } = this.#options
    const { signal } = this.#closing
    const concurrent = new RetryDelay(concurrentDelays, random)
    const delay = new RetryDelay(reopenDelays, random)
    for (;;) {
      try {
        const answer = await unlessAborted(request(), signal)
        if (signal.aborted) throw stoppedError()
        if (this.#isTroubled) onTrouble?.(null)
        this.#isTroubled = false
        return answer as Answer
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error
        if (error.kind !== 'retriable' && error.kind !== 'indefinite') throw error
        const isCompleting = completing.has(error.code)
        // Completing a transaction may take a second or so.
        if (!isCompleting || concurrent.isLong) {
          this.#isTroubled = true
          onTrouble?.(error)
        }
        if (error.code === 'UNSTABLE_OFFSET_COMMIT' && concurrent.isLong) {
          await endPositions?.()
          concurrent.succeeded()
        }
        const pause = isCompleting ? concurrent : delay
        await clock.sleep(pause.next(), signal)
      }
    }
  }

  #fenced(error: KafkaError): KafkaError {
    this.counts.fenced += 1
    this.#sender?.close(error)
    this.#open = null
    this.#transaction = null
    return error
  }

  /** Aborts what is open, so that readers need not wait until its time is up. */
  async #giveUp(): Promise<void> {
    const transaction = this.#transaction
    const open = this.#open
    this.#transaction = null
    this.#open = null
    const waiting = new AbortController()
    const timeUp = this.#options.clock.sleep(abortTimeoutMs, waiting.signal)
    try {
      if (transaction !== null && open?.isBegun === true && !open.isEndSent)
        await Promise.race([this.#abort(transaction, open), timeUp])
    } finally {
      waiting.abort()
      this.#sender?.close(stoppedError())
    }
  }

  /** Where something stays unanswered, only a new epoch keeps it from coming after the end: that of the next owner. */
  async #abort(transaction: Transaction, open: OpenTransaction): Promise<void> {
    await open.settled()
    try {
      await this.#options.client.endTransaction(transaction, 'abort')
      this.counts.aborts += 1
    } catch {
      // The coordinator aborts it when its time is up, or the next owner of the id does.
    }
  }
}

/** Whether committing the same once more would fail again. */
function isHopeless({ kind, code }: KafkaError): boolean {
  if (code === 'INVALID_TXN_STATE') return false
  // A topic that has just been made may be unknown for a while; this one has been for long.
  return kind === 'config' || kind === 'fatal' || code === 'UNKNOWN_TOPIC_OR_PARTITION'
}
