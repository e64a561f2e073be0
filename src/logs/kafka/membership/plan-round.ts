import { assignTasks, compareText } from './assign-tasks.ts'
import type { MemberAssignment, MemberMetadata } from './member-messages.ts'

/** A member as it came into this round. */
export interface RoundMember {
  readonly memberId: string
  readonly instanceId: string | null
  /** Null where it could not be read: such a member gets nothing. */
  readonly metadata: MemberMetadata | null
}

interface ReadableMember extends RoundMember {
  readonly metadata: MemberMetadata
}

/**
 * What the leader gives each member, by member id. A task that should move is given to nobody in this
 * round: its holder finds it missing, stops it and joins again, and the next round gives it away. All
 * other tasks go on running meanwhile.
 * @param newSession the name of the session, where no member is part of one.
 */
export function planRound(
  members: readonly RoundMember[],
  newSession: string,
): ReadonlyMap<string, MemberAssignment> {
  const readable = members.filter((member): member is ReadableMember => member.metadata !== null)
  const holders = holdersOf(readable)
  const incumbent = incumbentOf(readable, holders)
  const accepted = readable.filter(
    ({ metadata }) => metadata.fingerprint === incumbent?.metadata.fingerprint,
  )
  const target = assignTasks(
    accepted.map((member) => ({
      name: nameOf(member),
      canRun: new Set(member.metadata.tasks),
      holds: new Set(member.metadata.held.filter((task) => holders.get(task) === member)),
    })),
  )
  const mayRun = (task: string, member: RoundMember) => (holders.get(task) ?? member) === member
  const isUnsettled = accepted.some((member) =>
    target.get(nameOf(member))!.some((task) => !mayRun(task, member)),
  )
  const session = sessionOf(accepted) ?? newSession
  return new Map(
    members.map((member) => {
      const tasks = target.get(nameOf(member))?.filter((task) => mayRun(task, member)) ?? []
      const refused = refusal(member, incumbent)
      return [member.memberId, { tasks, isUnsettled, session, refused }]
    }),
  )
}

/** The session of the members that were there last; null where none was. */
function sessionOf(members: readonly ReadableMember[]): string | null {
  const latest = members
    .filter(({ metadata }) => metadata.session !== null)
    .toSorted(
      (left, right) =>
        right.metadata.generation - left.metadata.generation ||
        compareText(nameOf(left), nameOf(right)),
    )
  return latest[0]?.metadata.session ?? null
}

/** Static members keep their name over restarts, so that ties are broken alike. */
function nameOf({ instanceId, memberId }: RoundMember): string {
  return instanceId === null ? `member ${memberId}` : `instance ${instanceId}`
}

/** Who runs each task. Of two that claim one, the later to be given it is right. */
function holdersOf(members: readonly ReadableMember[]): Map<string, ReadableMember> {
  const holders = new Map<string, ReadableMember>()
  const byAge = members.toSorted(
    (left, right) =>
      left.metadata.generation - right.metadata.generation ||
      compareText(nameOf(right), nameOf(left)),
  )
  for (const member of byAge) for (const task of member.metadata.held) holders.set(task, member)
  return holders
}

/** The member whose pipeline file counts: the one that does most of the work already. */
function incumbentOf(
  members: readonly ReadableMember[],
  holders: ReadonlyMap<string, ReadableMember>,
): ReadableMember | null {
  const work = new Map<string, number>()
  for (const { metadata } of holders.values()) {
    work.set(metadata.fingerprint, (work.get(metadata.fingerprint) ?? 0) + 1)
  }
  const ranked = members.toSorted(
    (left, right) =>
      (work.get(right.metadata.fingerprint) ?? 0) - (work.get(left.metadata.fingerprint) ?? 0) ||
      compareText(nameOf(left), nameOf(right)),
  )
  return ranked[0] ?? null
}

function refusal(member: RoundMember, incumbent: ReadableMember | null): string | null {
  if (member.metadata === null) return 'its version of Millrace does not work with the others'
  if (incumbent === null || member.metadata.fingerprint === incumbent.metadata.fingerprint)
    return null
  return `worker ${incumbent.metadata.worker} runs another version of the file under this name`
}
