import type { Clock, Random } from '../../../core/clock.ts'
import { invariant, messageOf, PipelineError } from '../../../core/errors.ts'
import type { GroupMember, JoinResult, KafkaClient } from '../client/kafka-client.ts'
import { KafkaError } from '../client/kafka-error.ts'
import { RetryDelay } from '../retry-delay.ts'
import { GroupSession } from './group-session.ts'
import {
  decodeAssignment,
  decodeMetadata,
  encodeAssignment,
  encodeMetadata,
  type MemberAssignment,
} from './member-messages.ts'
import { planRound } from './plan-round.ts'
import { unlessAborted } from '../../../core/unless-aborted.ts'

/** Why tasks are taken away: given to others, the session was lost, or this worker stops. */
export type RevokeReason = 'rebalance' | 'lost' | 'stopped'

export type MembershipEvent =
  | {
      readonly type: 'joined'
      readonly generation: number
      readonly isLeader: boolean
      /** Names the time in which the group has always had a member. */
      readonly session: string
      readonly tasks: readonly string[]
    }
  | {
      readonly type: 'revoked'
      readonly reason: RevokeReason
      readonly tasks: readonly string[]
    }
  /** `onRevoked` has not returned in time: others may start the tasks while they still run here. */
  | { readonly type: 'revoke_overdue'; readonly tasks: readonly string[] }
  | { readonly type: 'unreachable'; readonly message: string }
  | { readonly type: 'left' }

export interface MembershipOptions {
  readonly client: KafkaClient
  readonly clock: Clock
  readonly random: Random
  readonly group: string
  /** Static membership: a restart within the session timeout gets its tasks back without a rebalance. */
  readonly instanceId: string | null
  /** Names this worker in messages to others. */
  readonly worker: string
  /** Workers with different ones are not mixed: the newcomer is refused. */
  readonly fingerprint: string
  /** Ids of the tasks that this worker could run: `<pipeline>.<stage>/<partition>`. */
  readonly tasks: readonly string[]
  /** All topics whose positions the group keeps; see `JoinRequest`. */
  readonly topics?: readonly string[]
  readonly sessionTimeoutMs?: number
  /** How long `onRevoked` may take, and how long the others wait for this worker. */
  readonly rebalanceTimeoutMs?: number
  /** Called with what is new, once nobody else runs it. It must not wait for the tasks to be open. */
  readonly onAssigned: (tasks: readonly string[]) => void
  /** Others get the tasks when the promise settles (except after `lost`: they may have them already). */
  readonly onRevoked: (tasks: readonly string[], reason: RevokeReason) => Promise<void>
  readonly onEvent?: (event: MembershipEvent) => void
}

const protocol = 'millrace-1'
const defaultSessionTimeoutMs = 10_000
const defaultRebalanceTimeoutMs = 60_000
/** Two heartbeats may be lost. */
const heartbeatsPerSession = 3
/** How soon a member hears that the group wants to share out anew, when that is not expected and when it is. */
const heartbeatMs = 1_000
const unsettledHeartbeatMs = 200
const confirmsPerSession = 20
/** How long a worker that stops waits for the answer to its good-bye. */
const leaveTimeoutMs = 1_500
const retryDelays = { firstMs: 20, maxMs: 5_000 }

/**
 * This worker's part in the group of a pipeline: which tasks it runs. The group's leader shares them out
 * (`planRound`); a task that stays where it is runs through the rebalance. See README.md for the proof.
 */
export class Membership {
  readonly #options: MembershipOptions
  readonly #sessionTimeoutMs: number
  readonly #rebalanceTimeoutMs: number
  readonly #delay: RetryDelay
  #memberId = ''
  #held: readonly string[] = []
  #generation = -1
  #rebalances = 0
  #session: GroupSession | null = null
  /** Of the group, as it names the time that this member has been part of without a break. */
  #sessionName: string | null = null
  #lastContactUs: number
  #isUnreachable = false

  constructor(options: MembershipOptions) {
    this.#options = options
    this.#sessionTimeoutMs = options.sessionTimeoutMs ?? defaultSessionTimeoutMs
    this.#rebalanceTimeoutMs = options.rebalanceTimeoutMs ?? defaultRebalanceTimeoutMs
    this.#delay = new RetryDelay(retryDelays, options.random)
    this.#lastContactUs = options.clock.monotonicUs()
  }

  /** Ids of the tasks that this worker runs. */
  get tasks(): readonly string[] {
    return this.#held
  }

  /** -1 before the first join. */
  get generation(): number {
    return this.#generation
  }

  /** How often the tasks were shared out with this worker taking part. */
  get rebalances(): number {
    return this.#rebalances
  }

  /**
   * Whether the task is still this worker's, as the group sees it now: to be asked before a task that lost
   * its connection takes its transactional id again. Waits while the group cannot be reached, up to
   * the end of the session.
   */
  async confirm(task: string): Promise<boolean> {
    const { clock } = this.#options
    while (this.#held.includes(task)) {
      // While this worker is joining, the others wait for it, and what it holds stays its own.
      const session = this.#session
      if (session === null) return true
      const state = await session.beat()
      if (state === 'over') return false
      if (state === 'alive') return this.#held.includes(task)
      await clock.sleep(this.#sessionTimeoutMs / confirmsPerSession)
    }
    return false
  }

  /**
   * Takes part until `signal` aborts; then gives everything back and leaves.
   * @throws KafkaError of kind `config` (not allowed, the group is used by something else), or
   * FENCED_INSTANCE_ID; PipelineError CONFIG_INCOMPATIBLE when others run another file under this name.
   */
  async run(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) {
        const assignment = await this.#join(signal)
        if (assignment !== null) await this.#takePart(assignment, signal)
      }
    } catch (error) {
      await this.#lose(null)
      throw error
    } finally {
      await this.#leave()
    }
  }

  /** One join, successful or not; null where another has to follow. */
  async #join(signal: AbortSignal): Promise<MemberAssignment | null> {
    const { onEvent } = this.#options
    this.#endSession()
    try {
      const joined = await unlessAborted(this.#requestJoin(), signal)
      if (joined === null) return null
      this.#lastContactUs = this.#options.clock.monotonicUs()
      this.#memberId = joined.memberId
      const isLeader = joined.leaderId === joined.memberId
      const member = this.#memberOf(joined)
      const assignments = isLeader ? planned(joined, this.#newSession()) : []
      const bytes = await unlessAborted(
        this.#options.client.syncGroup(member, protocol, assignments),
        signal,
      )
      if (bytes === null) return null
      if (bytes.length === 0) {
        // The leader did not know of this member: it does when it is asked again.
        await this.#options.clock.sleep(this.#delay.next(), signal)
        return null
      }
      const assignment = decodeAssignment(bytes)
      invariant(assignment !== null, `group ${member.group}: the assignment cannot be read`)
      const { tasks, session } = assignment
      this.#joined(member, assignment)
      onEvent?.({ type: 'joined', generation: member.generation, isLeader, session, tasks })
      return assignment
    } catch (error) {
      await this.#joinFailed(error, signal)
      return null
    }
  }

  #requestJoin(): Promise<JoinResult> {
    const { client, group, instanceId, worker, fingerprint, tasks, topics } = this.#options
    return client.joinGroup({
      ...(topics === undefined ? {} : { topics }),
      group,
      memberId: this.#memberId,
      instanceId,
      sessionTimeoutMs: this.#sessionTimeoutMs,
      rebalanceTimeoutMs: this.#rebalanceTimeoutMs,
      protocol,
      metadata: encodeMetadata({
        worker,
        fingerprint,
        tasks,
        held: this.#held,
        generation: this.#generation,
        session: this.#sessionName,
      }),
    })
  }

  #memberOf({ generation, memberId }: JoinResult): GroupMember {
    const { group, instanceId } = this.#options
    return { group, generation, memberId, instanceId }
  }

  #joined(member: GroupMember, { isUnsettled, session }: MemberAssignment): void {
    const { client, clock } = this.#options
    this.#sessionName = session
    this.#generation = member.generation
    this.#rebalances += 1
    this.#isUnreachable = false
    this.#delay.succeeded()
    this.#session = new GroupSession({
      client,
      clock,
      member,
      heartbeatMs: Math.min(
        isUnsettled ? unsettledHeartbeatMs : heartbeatMs,
        this.#sessionTimeoutMs / heartbeatsPerSession,
      ),
      sessionTimeoutMs: this.#sessionTimeoutMs,
    })
  }

  async #joinFailed(error: unknown, signal: AbortSignal): Promise<void> {
    const { clock, onEvent } = this.#options
    if (!(error instanceof KafkaError)) throw error
    if (error.code === 'MEMBER_ID_REQUIRED' && error.memberId !== null) {
      this.#memberId = error.memberId
      return
    }
    if (error.code === 'REBALANCE_IN_PROGRESS') return
    if (error.kind === 'rebalance') {
      await this.#lose(error)
      return
    }
    if (error.kind !== 'retriable' && error.kind !== 'indefinite') throw error
    if (!this.#isUnreachable) onEvent?.({ type: 'unreachable', message: error.message })
    this.#isUnreachable = true
    const silentMs = (clock.monotonicUs() - this.#lastContactUs) / 1_000
    if (silentMs > this.#sessionTimeoutMs) await this.#lose(error)
    await clock.sleep(this.#delay.next(), signal)
  }

  /** Runs what was assigned until there is a reason to join again. */
  async #takePart({ tasks, refused }: MemberAssignment, signal: AbortSignal): Promise<void> {
    const { group, onAssigned } = this.#options
    if (refused !== null) {
      throw new PipelineError(
        'CONFIG_INCOMPATIBLE',
        `group ${group} does not take this worker in: ${refused}; stop those workers first, ` +
          'or give this pipeline another name',
      )
    }
    const session = this.#session
    invariant(session !== null, 'who has joined has a session')
    const given = new Set(tasks)
    const revoked = this.#held.filter((task) => !given.has(task))
    await this.#revoke(revoked, 'rebalance')
    const held = new Set(this.#held)
    const added = tasks.filter((task) => !held.has(task))
    this.#held = [...this.#held, ...added]
    if (added.length > 0) onAssigned(added)
    // Who has given something up joins again at once: only then may others have it.
    const end = revoked.length > 0 ? session.end : await unlessAborted(session.ended, signal)
    if (end?.reason === 'error') throw end.error
    if (end?.reason === 'lost') await this.#lose(end.cause)
  }

  /** The group counts this member out: others may run its tasks already. */
  async #lose(cause: KafkaError | null): Promise<void> {
    if (cause?.code === 'UNKNOWN_MEMBER_ID') this.#memberId = ''
    this.#sessionName = null
    await this.#revoke(this.#held, 'lost')
  }

  /** Ends when the tasks have stopped, or the time for it is up. */
  async #revoke(tasks: readonly string[], reason: RevokeReason): Promise<void> {
    if (tasks.length === 0) return
    const { clock, onRevoked, onEvent } = this.#options
    const gone = new Set(tasks)
    this.#held = this.#held.filter((task) => !gone.has(task))
    onEvent?.({ type: 'revoked', reason, tasks })
    const waiting = new AbortController()
    const isDone = await Promise.race([
      onRevoked(tasks, reason).then(() => true),
      clock.sleep(this.#rebalanceTimeoutMs, waiting.signal).then(() => false),
    ])
    waiting.abort()
    if (!isDone) onEvent?.({ type: 'revoke_overdue', tasks })
  }

  async #leave(): Promise<void> {
    const { client, clock, group, instanceId, onEvent } = this.#options
    // The beats go on until the tasks have stopped.
    await this.#revoke(this.#held, 'stopped')
    this.#endSession()
    // A static member that stops may come back: its tasks wait for it until the session ends.
    if (this.#memberId === '' || instanceId !== null) return
    const waiting = new AbortController()
    const member = { group, generation: this.#generation, memberId: this.#memberId, instanceId }
    try {
      await Promise.race([client.leaveGroup(member), clock.sleep(leaveTimeoutMs, waiting.signal)])
      onEvent?.({ type: 'left' })
    } catch (error) {
      // The group notices by itself when the session ends.
      onEvent?.({ type: 'unreachable', message: messageOf(error) })
    } finally {
      waiting.abort()
      this.#memberId = ''
    }
  }

  #newSession(): string {
    return Math.floor(this.#options.random.next() * 2 ** 52).toString(36)
  }

  #endSession(): void {
    if (this.#session === null) return
    this.#lastContactUs = this.#session.lastContactUs
    this.#session.stop()
    this.#session = null
  }
}

function planned(
  joined: JoinResult,
  newSession: string,
): { readonly memberId: string; readonly assignment: Uint8Array }[] {
  const plan = planRound(
    joined.members.map(({ memberId, instanceId, metadata }) => ({
      memberId,
      instanceId,
      metadata: decodeMetadata(metadata),
    })),
    newSession,
  )
  return [...plan].map(([memberId, assignment]) => ({
    memberId,
    assignment: encodeAssignment(assignment),
  }))
}
