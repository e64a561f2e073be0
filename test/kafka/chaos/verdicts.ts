import { isDeepStrictEqual } from 'node:util'
import type { Fleet } from '../workers/fleet.ts'
import { type Expected, foundIn, withoutRepeats, type Written } from '../workers/oracle.ts'
import type { Workload } from '../workers/workload.ts'
import { beginsWith, type Seen } from './watch-topic.ts'

export interface Verdict {
  readonly oracle: string
  readonly isGood: boolean
  readonly why: string
}

export interface Evidence {
  readonly workload: Workload
  readonly address: string
  readonly expected: Expected
  readonly fleet: Fleet
  readonly seen: Seen
}

/** What a run must have written where every stage is exactly once. */
export async function exactVerdicts(evidence: Evidence): Promise<Verdict[]> {
  const { workload, address, expected, seen } = evidence
  const found = await foundIn(workload, address)
  const emitted = found.clean.flat().length
  const input =
    expected.written.clean.flat().length + expected.filtered + expected.written.deadLetters.length
  return [
    ...recordVerdicts(expected.written, found.clean),
    verdict('O1 results by key are exact', found.totals, expected.written.totals),
    verdict('O1 results by country are exact', found.countries, expected.written.countries),
    verdict('O1 dead letters are exact', found.deadLetters, expected.written.deadLetters),
    seenVerdict(seen, found.clean),
    {
      oracle: 'O6 records in = out + filtered + dead letters, by topics',
      isGood: emitted + expected.filtered + found.deadLetters.length === input,
      why: `${input} = ${emitted} + ${expected.filtered} + ${found.deadLetters.length}`,
    },
  ].flat()
}

/** What must be there where a stage is at least once. */
export async function leastVerdicts({ workload, address, expected }: Evidence): Promise<Verdict[]> {
  const { clean } = await foundIn(workload, address)
  const [lost, , order] = recordVerdicts(expected.written, clean.map(withoutRepeats))
  const repeated = clean.flat().length - clean.flatMap(withoutRepeats).length
  const bound = { oracle: 'O3 repeats are counted', isGood: true, why: `${repeated} repeated` }
  return [lost!, bound, order!]
}

/** What holds of the processes, whatever they promise. */
export function processVerdicts({ fleet }: Pick<Evidence, 'fleet'>, faults: number): Verdict[] {
  const said = fleet.said
  const bad = said
    .split('\n')
    .filter((line) => /a bug in Millrace|Warning:|heap out of memory/.test(line))
  const changes = [...said.matchAll(/this worker runs \d+ of/g)].length
  return [
    { oracle: 'O7 no bug and no warning is told', isGood: bad.length === 0, why: bad[0] ?? 'none' },
    {
      oracle: 'O9 the faults happened',
      isGood: faults > 0 && changes > faults / 2,
      why: `${faults} faults, tasks were given out ${changes} times`,
    },
  ]
}

function recordVerdicts(
  { clean: expected }: Written,
  found: readonly (readonly string[])[],
): Verdict[] {
  const there = new Set(found.flat())
  const lost = expected.flat().filter((id) => !there.has(id))
  const strange = found.flat().length - there.size
  return [
    { oracle: 'O2 no record is lost', isGood: lost.length === 0, why: count(lost, 'lost') },
    { oracle: 'O3 no record comes twice', isGood: strange === 0, why: `${strange} too many` },
    verdict('O4 each partition is in the order of its input', found, expected),
  ]
}

function seenVerdict(
  { looks, ids, contradiction }: Seen,
  clean: readonly (readonly string[])[],
): Verdict {
  const isInEnd = ids.every((each, partition) => beginsWith(clean[partition]!, each))
  return {
    oracle: 'O5 a reader saw nothing that was taken back',
    isGood: looks > 0 && contradiction === null && isInEnd,
    why: contradiction ?? `${looks} looks, ${ids.flat().length} records at the last of them`,
  }
}

function verdict(oracle: string, found: unknown, expected: readonly unknown[]): Verdict {
  const isGood = isDeepStrictEqual(found, expected)
  return { oracle, isGood, why: isGood ? `${expected.flat().length} equal` : 'they differ' }
}

function count(ids: readonly string[], what: string): string {
  return ids.length === 0 ? `none ${what}` : `${ids.length} ${what}, such as ${ids[0]}`
}
