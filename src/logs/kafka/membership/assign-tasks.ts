/** A member of the group, as the assignment sees it. */
export interface Candidate {
  /** Breaks ties, so that the result does not depend on the order of the members. */
  readonly name: string
  /** Ids of the tasks that it could run. */
  readonly canRun: ReadonlySet<string>
  /** Ids of the tasks that it runs; each task is held by one candidate at most. */
  readonly holds: ReadonlySet<string>
}

/**
 * Which tasks each candidate should run, by its name. Every task that somebody can run is given to
 * exactly one. Where all can run everything, the tasks of each stage are spread evenly, and so are all
 * tasks together (the counts differ by one at most). Of the even ways it is one that lets candidates
 * keep what they hold: with the same candidates nothing moves.
 */
export function assignTasks(candidates: readonly Candidate[]): ReadonlyMap<string, string[]> {
  const assigned = new Map<string, string[]>(candidates.map(({ name }) => [name, []]))
  for (const pool of pools(candidates)) deal(pool, assigned)
  return assigned
}

/** Tasks of one stage that the same candidates can run. */
interface Pool {
  readonly stage: string
  readonly candidates: readonly Candidate[]
  readonly tasks: string[]
}

function pools(candidates: readonly Candidate[]): Pool[] {
  const byKey = new Map<string, Pool>()
  const tasks = new Set(candidates.flatMap(({ canRun }) => [...canRun]))
  for (const task of [...tasks].toSorted(compareTasks)) {
    const able = candidates.filter(({ canRun }) => canRun.has(task)).toSorted(byName)
    const stage = stageOf(task)
    const key = JSON.stringify([stage, ...able.map(({ name }) => name)])
    const pool = byKey.get(key)
    if (pool === undefined) byKey.set(key, { stage, candidates: able, tasks: [task] })
    else pool.tasks.push(task)
  }
  // Those with the least choice first: the others can still even out what they leave.
  return [...byKey.entries()]
    .toSorted(
      ([leftKey, left], [rightKey, right]) =>
        left.candidates.length - right.candidates.length || compareText(leftKey, rightKey),
    )
    .map(([, pool]) => pool)
}

function deal(pool: Pool, assigned: ReadonlyMap<string, string[]>): void {
  const base = Math.floor(pool.tasks.length / pool.candidates.length)
  const extras = pool.tasks.length % pool.candidates.length
  const held = new Map(
    pool.candidates.map(({ name, holds }) => [name, pool.tasks.filter((task) => holds.has(task))]),
  )
  const count = ({ name }: Candidate) => assigned.get(name)!.length
  const holding = ({ name }: Candidate) => held.get(name)!.length
  // One task more goes to those with the fewest in all; among these, to those that need not give it up.
  const ranked = pool.candidates.toSorted(
    (left, right) =>
      count(left) - count(right) || holding(right) - holding(left) || byName(left, right),
  )
  const quotas = ranked.map((_, rank) => (rank < extras ? base + 1 : base))
  const free = new Set(pool.tasks)
  const open = ranked.map(({ name }, rank) => {
    const kept = held.get(name)!.slice(0, quotas[rank])
    for (const task of kept) free.delete(task)
    assigned.get(name)!.push(...kept)
    return quotas[rank]! - kept.length
  })
  const left = [...free]
  for (const [rank, { name }] of ranked.entries()) {
    assigned.get(name)!.push(...left.splice(0, open[rank]))
  }
}

/** `<pipeline>.<stage>` of a task id `<pipeline>.<stage>/<partition>`. */
function stageOf(task: string): string {
  const slash = task.lastIndexOf('/')
  return slash === -1 ? task : task.slice(0, slash)
}

/** By stage, then by partition as a number. */
function compareTasks(left: string, right: string): number {
  const byStage = compareText(stageOf(left), stageOf(right))
  if (byStage !== 0) return byStage
  return left.length - right.length || compareText(left, right)
}

function byName(left: Candidate, right: Candidate): number {
  return compareText(left.name, right.name)
}

/** By code units: the same on every machine, whatever its language. */
export function compareText(left: string, right: string): number {
  if (left === right) return 0
  return left < right ? -1 : 1
}
