import { say, type CliEnvironment } from './cli-environment.ts'
import { printableLine } from './printable.ts'
import { replayObstacles, type ReplayObstacle } from './replay-stage.ts'
import { showCount } from './show-amount.ts'
import { textTable } from './text-table.ts'

/** What became of the dead letters of one stage that were asked for. */
export interface StageTally {
  readonly pipeline: string
  readonly stage: string
  readonly topic: string
  /** To be written back. */
  selected: number
  replayed: number
  /** Written back before. */
  already: number
  parked: number
  readonly obstacles: Partial<Record<ReplayObstacle, number>>
  /** Of those to be written back. */
  readonly codes: Record<string, number>
}
export type ReplayTally = readonly StageTally[]

/** On stdout as JSON or as a table; notes for people go to stderr. */
export function printReplay(
  tallies: ReplayTally,
  options: { readonly dryRun?: boolean; readonly json?: boolean; readonly maxAttempts: number },
  environment: CliEnvironment,
): void {
  const { stdout, mask } = environment
  const isDry = options.dryRun === true
  if (options.json === true) {
    const stages = tallies.map((tally) => jsonOf(tally))
    const replayed = tallies.reduce((sum, tally) => sum + tally.replayed, 0)
    const told = mask.json({ dry_run: isDry, replayed, stages })
    stdout.write(`${JSON.stringify(told, null, 2)}\n`)
    return
  }
  const shown = tallies.filter((tally) => foundIn(tally) > 0)
  if (shown.length === 0) {
    say(environment, 'There are no such dead letters.')
    return
  }
  for (const line of table(shown, isDry)) stdout.write(`${mask.text(line)}\n`)
  for (const line of notes(shown, options.maxAttempts)) say(environment, line)
}

function foundIn({ selected, already, parked, obstacles }: StageTally): number {
  return selected + already + parked + sumOf(Object.values(obstacles))
}

function jsonOf({ selected, already, obstacles, ...tally }: StageTally) {
  return { ...tally, selected, already_replayed: already, not_replayable: obstacles }
}

function table(tallies: ReplayTally, isDry: boolean): string[] {
  return textTable(
    [
      { title: 'stage', align: 'left' },
      { title: isDry ? 'would be replayed' : 'replayed', align: 'right' },
      { title: 'replayed before', align: 'right' },
      { title: 'parked', align: 'right' },
      { title: 'not replayable', align: 'right' },
      { title: 'codes', align: 'left' },
    ],
    tallies.map(({ stage, selected, replayed, already, parked, obstacles, codes }) => [
      stage,
      showCount(isDry ? selected : replayed),
      showCount(already),
      showCount(parked),
      showCount(sumOf(Object.values(obstacles))),
      Object.entries(codes)
        .map(([code, count]) => printableLine(`${code} ${showCount(count)}`))
        .join(', '),
    ]),
  )
}

function notes(tallies: ReplayTally, maxAttempts: number): string[] {
  const parked = sumOf(tallies.map((tally) => tally.parked))
  const already = sumOf(tallies.map((tally) => tally.already))
  const left = sumOf(tallies.map(({ selected, replayed }) => selected - replayed))
  const why = (Object.keys(replayObstacles) as ReplayObstacle[]).flatMap((obstacle) => {
    const count = sumOf(tallies.map(({ obstacles }) => obstacles[obstacle] ?? 0))
    return count === 0 ? [] : [`Not replayable: ${showCount(count)} ${replayObstacles[obstacle]}.`]
  })
  return [
    ...(parked === 0
      ? []
      : [
          `Parked: ${showCount(parked)} that failed again after ${maxAttempts} replays; a higher --max-attempts takes them too.`,
        ]),
    ...(already === 0 || left > 0
      ? []
      : [`Replayed before: ${showCount(already)}; --again writes them back once more.`]),
    ...why,
  ]
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0)
}
