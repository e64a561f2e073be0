import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { MemberMetadata } from '../../../../src/logs/kafka/membership/member-messages.ts'
import {
  planRound as plan,
  type RoundMember,
} from '../../../../src/logs/kafka/membership/plan-round.ts'

const allTasks = Array.from({ length: 6 }, (_, partition) => `p.s/${partition}`)

function member(memberId: string, metadata: Partial<MemberMetadata> = {}): RoundMember {
  return {
    memberId,
    instanceId: null,
    metadata: {
      worker: `worker-${memberId}`,
      fingerprint: 'f1',
      tasks: allTasks,
      held: [],
      generation: -1,
      session: null,
      ...metadata,
    },
  }
}

/** Without the name of the session. */
function planRound(members: readonly RoundMember[]) {
  return new Map(
    [...plan(members, 'new')].map(([id, { tasks, isUnsettled, refused }]) => [
      id,
      { tasks, isUnsettled, refused },
    ]),
  )
}

describe('planRound', () => {
  it('shares out all tasks among new members', () => {
    const given = planRound([member('a'), member('b')])
    expect([...given.values()].map(({ tasks }) => tasks.length)).toEqual([3, 3])
  })

  it('gives a task that is to move to nobody, and to its new owner once it was given up', () => {
    const first = planRound([member('a', { held: allTasks, generation: 1 }), member('b')])
    const kept = first.get('a')!.tasks
    expect(kept).toHaveLength(3)
    expect(first.get('b')).toEqual({ tasks: [], isUnsettled: true, refused: null })

    const second = planRound([member('a', { held: kept, generation: 2 }), member('b')])
    expect(second.get('a')).toEqual({ tasks: kept, isUnsettled: false, refused: null })
    expect(second.get('b')!.tasks.toSorted()).toEqual(
      allTasks.filter((task) => !kept.includes(task)),
    )
  })

  it('never gives away what another member still runs, and settles after two rounds', () => {
    const names = fc.uniqueArray(fc.stringMatching(/^[a-f]$/), { minLength: 1 })
    fc.assert(
      fc.property(fc.array(names, { minLength: 1, maxLength: 6 }), (rounds) => {
        let held = new Map<string, readonly string[]>()
        let generation = 0
        const play = (present: readonly string[]) => {
          generation += 1
          const members = present.map((id) => member(id, { held: held.get(id) ?? [], generation }))
          const given = planRound(members)
          for (const [id, { tasks }] of given) {
            for (const [other, theirs] of held) {
              if (other !== id && present.includes(other)) {
                expect(tasks.filter((task) => theirs.includes(task))).toEqual([])
              }
            }
          }
          held = new Map([...given].map(([id, { tasks }]) => [id, tasks.toSorted()]))
        }
        for (const present of rounds) play(present)
        const last = rounds.at(-1)!
        play(last)
        expect([...held.values()].flat().toSorted()).toEqual(allTasks)
        const settled = new Map(held)
        play(last)
        expect(held).toEqual(settled)
      }),
    )
  })

  it('believes the later of two members that claim a task', () => {
    const given = planRound([
      member('a', { tasks: ['p.s/0'], held: ['p.s/0'], generation: 4 }),
      member('b', { tasks: ['p.s/0'], held: ['p.s/0'], generation: 7 }),
    ])
    expect(given.get('a')!.tasks).toEqual([])
    expect(given.get('b')!.tasks).toEqual(['p.s/0'])
  })

  it('refuses a newcomer with another pipeline file, and says who runs the other', () => {
    const given = planRound([
      member('new', { fingerprint: 'f2' }),
      member('old', { held: allTasks, generation: 3 }),
    ])
    expect(given.get('old')).toEqual({
      tasks: allTasks,
      isUnsettled: false,
      refused: null,
    })
    expect(given.get('new')!.tasks).toEqual([])
    expect(given.get('new')!.refused).toContain('worker-old')
  })

  it('gives a member that it cannot read nothing, and leaves the others alone', () => {
    const given = planRound([
      { memberId: 'stranger', instanceId: null, metadata: null },
      member('a', { held: ['p.s/1'], generation: 2 }),
    ])
    expect(given.get('stranger')!.tasks).toEqual([])
    expect(given.get('stranger')!.refused).toContain('version')
    expect(given.get('a')!.tasks).toHaveLength(allTasks.length)
  })

  it('breaks ties between static members by their instance id, not by what the broker calls them', () => {
    const tasksOf = (ids: readonly [string, string]) =>
      planRound([
        { ...member(ids[0]), instanceId: 'one' },
        { ...member(ids[1]), instanceId: 'two' },
      ]).get(ids[0])!.tasks
    expect(tasksOf(['x', 'y'])).toEqual(tasksOf(['z', 'b']))
  })

  it('goes on with the session of those who were there last, and begins one where nobody was', () => {
    const sessions = (members: readonly RoundMember[]) => [
      ...new Set([...plan(members, 'new').values()].map(({ session }) => session)),
    ]
    expect(sessions([member('a'), member('b')])).toEqual(['new'])
    expect(
      sessions([
        member('a', { session: 'old', generation: 4 }),
        member('b', { session: 'older', generation: 3 }),
        member('c'),
      ]),
    ).toEqual(['old'])
    const refused = member('other', { fingerprint: 'f2', session: 'theirs', generation: 9 })
    const working = member('a', { session: 'ours', generation: 4, held: allTasks })
    expect(sessions([refused, working])).toEqual(['ours'])
  })
})
