import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { assignTasks, type Candidate } from '../../../../src/logs/kafka/membership/assign-tasks.ts'

type Counts = readonly number[]

/** Tasks `p.s0/0 ...` with the given number per stage. */
function tasksOf(stages: Counts): string[] {
  return stages.flatMap((count, stage) =>
    Array.from({ length: count }, (_, partition) => `p.s${stage}/${partition}`),
  )
}

function candidates(names: readonly string[], tasks: readonly string[]): Candidate[] {
  return names.map((name) => ({ name, canRun: new Set(tasks), holds: new Set() }))
}

function holding(
  before: readonly Candidate[],
  assigned: ReadonlyMap<string, string[]>,
): Candidate[] {
  return before.map((candidate) => ({
    ...candidate,
    holds: new Set(assigned.get(candidate.name) ?? []),
  }))
}

function spread(counts: readonly number[]): number {
  return Math.max(...counts) - Math.min(...counts)
}

function countsBy(assigned: ReadonlyMap<string, string[]>, stage: string): number[] {
  return [...assigned.values()].map(
    (tasks) => tasks.filter((task) => task.startsWith(`${stage}/`)).length,
  )
}

const stages = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 5 })
const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,4}$/), { minLength: 1, maxLength: 7 })
/** A group that has gone through some changes of its members, as it stands then. */
const history = fc.record({
  stages,
  rounds: fc.array(names, { minLength: 1, maxLength: 5 }),
})

/** The members of the last round, holding what the rounds before left them. */
function play(rounds: readonly (readonly string[])[], tasks: readonly string[]): Candidate[] {
  let members: Candidate[] = []
  for (const round of rounds) {
    const held = new Map(members.map(({ name, holds }) => [name, holds]))
    members = candidates(round, tasks).map((member) => ({
      ...member,
      holds: held.get(member.name) ?? member.holds,
    }))
    members = holding(members, assignTasks(members))
  }
  return members
}

describe('assignTasks', () => {
  it('gives every task to exactly one member', () => {
    fc.assert(
      fc.property(history, (group) => {
        const tasks = tasksOf(group.stages)
        const members = play(group.rounds, tasks)
        const given = members.flatMap(({ holds }) => [...holds])
        expect(given.toSorted()).toEqual(tasks.toSorted())
      }),
    )
  })

  it('spreads each stage evenly, and all tasks together', () => {
    fc.assert(
      fc.property(history, (group) => {
        const tasks = tasksOf(group.stages)
        const assigned = assignTasks(play(group.rounds, tasks))
        for (const stage of group.stages.keys()) {
          expect(spread(countsBy(assigned, `p.s${stage}`))).toBeLessThanOrEqual(1)
        }
        expect(spread([...assigned.values()].map(({ length }) => length))).toBeLessThanOrEqual(1)
      }),
    )
  })

  it('moves nothing while the members stay the same', () => {
    fc.assert(
      fc.property(history, (group) => {
        const members = play(group.rounds, tasksOf(group.stages))
        const again = holding(members, assignTasks(members))
        expect(again).toEqual(members)
      }),
    )
  })

  it('comes to the same end when a task that is to move was given up first', () => {
    fc.assert(
      fc.property(history, names, (group, next) => {
        const tasks = tasksOf(group.stages)
        const before = play(group.rounds, tasks)
        const holders = new Map(
          before.flatMap(({ name, holds }) => [...holds].map((task) => [task, name] as const)),
        )
        const members = candidates(next, tasks).map((member) => ({
          ...member,
          holds: new Set(tasks.filter((task) => holders.get(task) === member.name)),
        }))
        const target = assignTasks(members)
        const afterRevoking = members.map((member) => ({
          ...member,
          holds: new Set(
            [...member.holds].filter((task) => target.get(member.name)!.includes(task)),
          ),
        }))
        const sorted = (plan: ReadonlyMap<string, string[]>) =>
          [...plan].map(([name, given]) => [name, given.toSorted()])
        expect(sorted(assignTasks(afterRevoking))).toEqual(sorted(target))
      }),
    )
  })

  it('does not depend on the order in which members are named', () => {
    fc.assert(
      fc.property(history, (group) => {
        const members = play(group.rounds, tasksOf(group.stages))
        const backwards = assignTasks(members.toReversed())
        for (const [name, given] of assignTasks(members)) {
          expect(backwards.get(name)).toEqual(given)
        }
      }),
    )
  })

  it('lets members keep all they hold when one with as much leaves a single stage', () => {
    const tasks = tasksOf([9])
    const three = holding(
      candidates(['a', 'b', 'c'], tasks),
      assignTasks(candidates(['a', 'b', 'c'], tasks)),
    )
    const two = three.slice(0, 2)
    const after = assignTasks(two)
    for (const { name, holds } of two) {
      expect(after.get(name)).toEqual(expect.arrayContaining([...holds]))
    }
  })

  it('moves no more than a new member is due', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), names, (count, present) => {
        const tasks = tasksOf([count])
        const members = play([present], tasks)
        const newcomer = { name: 'newcomer', canRun: new Set(tasks), holds: new Set<string>() }
        const assigned = assignTasks([...members, newcomer])
        const moved = members.flatMap(({ name, holds }) =>
          [...holds].filter((task) => !assigned.get(name)!.includes(task)),
        )
        expect(moved.toSorted()).toEqual(assigned.get('newcomer')!.toSorted())
      }),
    )
  })

  it('gives tasks only to members that can run them, and leaves out what nobody can', () => {
    const members: Candidate[] = [
      { name: 'a', canRun: new Set(['p.s/0', 'p.s/1', 'p.t/0']), holds: new Set() },
      { name: 'b', canRun: new Set(['p.s/0']), holds: new Set() },
      { name: 'c', canRun: new Set(), holds: new Set(['p.gone/0']) },
    ]
    const assigned = assignTasks(members)
    expect([...assigned.values()].flat().toSorted()).toEqual(['p.s/0', 'p.s/1', 'p.t/0'])
    expect(assigned.get('c')).toEqual([])
    expect(['p.s/0']).toEqual(expect.arrayContaining(assigned.get('b')!))
  })

  it('spreads stages of one task each over the members', () => {
    const tasks = tasksOf([1, 1, 1, 1, 1, 1])
    const assigned = assignTasks(candidates(['a', 'b', 'c'], tasks))
    expect([...assigned.values()].map(({ length }) => length)).toEqual([2, 2, 2])
  })

  it('orders partitions by number', () => {
    const tasks = tasksOf([12])
    expect(assignTasks(candidates(['a'], tasks)).get('a')).toEqual(tasks)
  })
})
