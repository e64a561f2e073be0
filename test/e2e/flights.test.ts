import { beforeAll, describe, expect, it } from 'vitest'
import { CliProcess, millrace } from './cli-process.ts'
import { dataFile, exampleWorkspace } from './examples.ts'

interface Flight {
  readonly date: string
  readonly delay: number
  readonly origin: string
  readonly destination: string
}

interface Day {
  readonly origin: string
  readonly day: string
  readonly flights: number
  readonly mean_delay: number
  readonly p95_delay: number
  readonly late_share: number
}

const flights = JSON.parse(dataFile('flights-20k.json')) as Flight[]

/** The same statistics by sorting and folding, from the source data alone. */
function recompute(): Map<string, { flights: number; mean: number; p95: number; late: number }> {
  const delays = new Map<string, number[]>()
  for (const { date, delay, origin, destination } of flights) {
    if (origin === destination) continue
    const key = `${origin} ${date.slice(0, 10).replaceAll('/', '-')}`
    delays.set(key, [...(delays.get(key) ?? []), delay])
  }
  return new Map(
    [...delays].map(([key, all]) => {
      const sorted = all.toSorted((a, b) => a - b)
      return [
        key,
        {
          flights: all.length,
          mean: all.reduce((sum, delay) => sum + delay, 0) / all.length,
          p95: sorted[Math.ceil(0.95 * all.length) - 1]!,
          late: all.filter((delay) => delay > 15).length / all.length,
        },
      ]
    }),
  )
}

function daysOf(lines: readonly string[]): Day[] {
  return lines.map((line) => JSON.parse(line) as Day)
}

describe('pipelines/flights.yaml', () => {
  let expected: ReturnType<typeof recompute>
  let lines: string[]
  let shown: string
  beforeAll(async () => {
    using workspace = exampleWorkspace()
    const { code, stdout, stderr } = await millrace(['run', 'pipelines/flights.yaml'], {
      cwd: workspace.folder,
    })
    if (code !== 0) throw new Error(stderr)
    expected = recompute()
    lines = workspace.lines('out/flights-daily.ndjson')
    shown = stdout
  })

  it('has one row per airport and day', () => {
    const keys = daysOf(lines).map(({ origin, day }) => `${origin} ${day}`)
    expect(keys.toSorted()).toEqual([...expected.keys()].toSorted())
  })

  it('counts and averages as a recomputation from the source data does', () => {
    for (const { origin, day, ...row } of daysOf(lines)) {
      const { flights: count, mean, p95, late } = expected.get(`${origin} ${day}`)!
      expect(row.flights).toBe(count)
      expect(Math.abs(row.mean_delay - mean)).toBeLessThanOrEqual(0.005 + 1e-9)
      expect(Math.abs(row.late_share - late)).toBeLessThanOrEqual(0.000_05 + 1e-9)
      expect(Math.abs(row.p95_delay - p95)).toBeLessThanOrEqual(0.01 * Math.abs(p95) + 0.05)
    }
  })

  it('ends with a short table', () => {
    expect(shown).toMatch(/day\s+origin\s+flights\s+mean_delay/)
    expect(shown).toMatch(/and [\d,]+ more/)
  })
})

describe('pipelines/flights.yaml, killed', () => {
  it('gives the same set of lines when it is killed with -9 again and again and started anew', async () => {
    using whole = exampleWorkspace()
    await millrace(['run', 'pipelines/flights.yaml'], { cwd: whole.folder })
    using workspace = exampleWorkspace()
    let kills = 0
    // The pauses grow, so that a run gets further each time wherever the machine's speed puts the kill.
    for (let pauseMs = 150; ; pauseMs += 60) {
      const started = new CliProcess(['run', 'pipelines/flights.yaml'], { cwd: workspace.folder })
      const killer = setTimeout(() => started.child.kill('SIGKILL'), pauseMs)
      const { code, signal, stderr } = await started.ended
      clearTimeout(killer)
      if (signal === null) {
        expect({ code, stderr }).toMatchObject({ code: 0 })
        break
      }
      kills += 1
    }
    expect(kills).toBeGreaterThan(3)
    const lines = workspace.lines('out/flights-daily.ndjson')
    expect(new Set(lines).size).toBe(lines.length)
    expect(lines.toSorted()).toEqual(whole.lines('out/flights-daily.ndjson').toSorted())
  }, 180_000)

  it.each([
    'after-begin',
    'after-outputs',
    'after-state',
    'after-positions',
    'before-commit',
    'after-commit',
  ])('gives the same set of lines when it is killed at %s', async (failpoint) => {
    using whole = exampleWorkspace()
    await millrace(['run', 'pipelines/flights.yaml'], { cwd: whole.folder })
    using workspace = exampleWorkspace()
    for (const times of [1, 4, 9]) {
      const { signal } = await millrace(['run', 'pipelines/flights.yaml'], {
        cwd: workspace.folder,
        env: { MILLRACE_FAILPOINT: `${failpoint}@${times}` },
      })
      expect(signal).toBe('SIGKILL')
    }
    expect(
      await millrace(['run', 'pipelines/flights.yaml'], { cwd: workspace.folder }),
    ).toMatchObject({ code: 0 })
    const lines = workspace.lines('out/flights-daily.ndjson')
    expect(lines.toSorted()).toEqual(whole.lines('out/flights-daily.ndjson').toSorted())
  })

  it('has nothing to do when it is run again, and starts afresh with --fresh', async () => {
    using workspace = exampleWorkspace()
    const run = (...more: string[]) =>
      millrace(['run', 'pipelines/flights.yaml', ...more], { cwd: workspace.folder })
    await run()
    const first = workspace.lines('out/flights-daily.ndjson')
    expect(await run()).toMatchObject({ code: 0 })
    expect(workspace.lines('out/flights-daily.ndjson')).toEqual(first)
    expect(await run('--fresh')).toMatchObject({ code: 0 })
    expect(workspace.lines('out/flights-daily.ndjson').toSorted()).toEqual(first.toSorted())
  })
})
