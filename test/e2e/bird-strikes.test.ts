import { expect, it } from 'vitest'
import { millrace } from './cli-process.ts'
import { dataFile, exampleWorkspace } from './examples.ts'

/** Splits a line of a CSV file in which quoted fields may hold commas. */
function cells(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
  )
}

interface Total {
  strikes: number
  cost: number
  speeds: number[]
  species: Set<string>
}

function recompute(): Map<string, Total> {
  const [header = '', ...lines] = dataFile('birdstrikes.csv').trimEnd().split(/\r?\n/)
  const names = cells(header)
  const totals = new Map<string, Total>()
  for (const line of lines) {
    const row = Object.fromEntries(cells(line).map((cell, index) => [names[index], cell]))
    const operator = row['Aircraft Airline Operator']!.trim().toUpperCase().replace('*', '')
    const key = `${operator},${row['Flight Date']!.slice(0, 7)}`
    const total = totals.get(key) ?? { strikes: 0, cost: 0, speeds: [], species: new Set() }
    const species = row['Wildlife Species']!.trim()
    const speed = row['Speed IAS in knots']!
    total.strikes += 1
    total.cost += Number(row['Cost Total $'])
    if (speed !== '') total.speeds.push(Number(speed))
    if (species !== '' && !species.toLowerCase().startsWith('unknown')) total.species.add(species)
    totals.set(key, total)
  }
  return totals
}

it('totals every strike per operator and month, and loses none of the unordered rows', async () => {
  using workspace = exampleWorkspace()
  const { code, stderr } = await millrace(['run', 'pipelines/bird-strikes.yaml'], {
    cwd: workspace.folder,
  })
  expect({ code, stderr }).toMatchObject({ code: 0 })
  const [header = '', ...lines] = workspace.lines('out/bird-strikes.csv')
  expect(header).toBe('operator,month,strikes,cost,mean_speed,known_species')
  // A total may be written more than once while it grows: the last one counts.
  const written = new Map(
    lines
      .map((line) => cells(line))
      .map((row) => [`${row[0]},${row[1]}`, row.slice(2).map(Number)]),
  )
  const expected = recompute()
  expect([...written.keys()].toSorted()).toEqual([...expected.keys()].toSorted())
  for (const [key, { strikes, cost, speeds, species }] of expected) {
    const [writtenStrikes, writtenCost, meanSpeed = 0, knownSpecies] = written.get(key)!
    expect({ key, strikes: writtenStrikes, cost: writtenCost, knownSpecies }).toEqual({
      key,
      strikes,
      cost,
      knownSpecies: species.size,
    })
    const mean =
      speeds.length === 0 ? 0 : speeds.reduce((sum, speed) => sum + speed, 0) / speeds.length
    expect(Math.abs(meanSpeed - mean)).toBeLessThanOrEqual(0.05 + 1e-9)
  }
})
