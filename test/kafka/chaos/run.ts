import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createSystemClock } from '../../../src/clock/system-clock.ts'
import { SeededRandom } from '../../../src/simulation/seeded-random.ts'
import { startBroker } from '../broker/start-broker.ts'
import type { TestBroker } from '../broker/test-broker.ts'
import { Fleet, hasTasks, untilComplete, untilTrue } from '../workers/fleet.ts'
import { type Expected, expectedOf, foundIn, withoutRepeats } from '../workers/oracle.ts'
import { Workload } from '../workers/workload.ts'
import { chooseFault } from './faults.ts'
import { exactVerdicts, leastVerdicts, processVerdicts, type Verdict } from './verdicts.ts'
import { watchClean } from './watch-topic.ts'

/** `npm run chaos`: the long, random set of faults, by processes and a broker of its own. */

const usage = `npm run chaos                              ten minutes of faults, with a seed by the clock
npm run chaos -- --seed 7 --minutes 30     the same faults in the same order
npm run chaos -- --delivery at_least_once

Kills, freezes, stops and adds workers; kills and freezes the broker. Then compares what was written
with what the input says, as Kafka's own client reads both.
`
const clock = createSystemClock()
const sessionTimeoutMs = 6_000
const firstWorkers = 3
/** Records that come in a second, so that there is always work to do. */
const ratePerSecond = 400
const pauseMs = { least: 1_000, most: 6_000 }
/** How long all may take to be steady again after the last fault. */
const settleMs = 120_000
const maxPeakMb = 350
const maxSteps = 100_000

interface Options {
  readonly seed: number
  readonly minutes: number
  readonly delivery: 'exactly_once' | 'at_least_once'
}

async function main(): Promise<number> {
  const options = readArguments()
  if (options === null) return 2
  const { seed, minutes, delivery } = options
  say(
    `seed ${seed}, ${minutes} min, ${delivery}: npm run chaos -- --seed ${seed} --minutes ${minutes} --delivery ${delivery}`,
  )
  const broker = await startBroker({ own: true })
  try {
    const verdicts = await runChaos(broker, options)
    for (const { oracle, isGood, why } of verdicts)
      say(`${isGood ? 'ok    ' : 'FAILED'}  ${oracle}: ${why}`)
    const failed = verdicts.filter(({ isGood }) => !isGood).length
    say(
      failed === 0
        ? `seed ${seed}: all holds`
        : `seed ${seed}: ${failed} of ${verdicts.length} FAILED`,
    )
    return failed === 0 ? 0 : 1
  } finally {
    await broker.stop()
  }
}

function readArguments(): Options | null {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      minutes: { type: 'string', default: '10' },
      delivery: { type: 'string', default: 'exactly_once' },
      help: { type: 'boolean', default: false },
    },
  })
  const seed = Number(values.seed ?? clock.wallMs() % 1_000_000)
  const minutes = Number(values.minutes)
  const { delivery } = values
  const isDelivery = delivery === 'exactly_once' || delivery === 'at_least_once'
  if (values.help || !Number.isInteger(seed) || !(minutes > 0) || !isDelivery) {
    say(usage)
    return null
  }
  return { seed, minutes, delivery }
}

async function runChaos(broker: TestBroker, options: Options): Promise<Verdict[]> {
  const { seed, minutes, delivery } = options
  const { address } = broker
  const records = Math.round(minutes * 60 * ratePerSecond)
  const workload = new Workload({ name: 'chaos', address, records, seed, delivery })
  await workload.createTopic()
  using fleet = new Fleet({ workload, address, sessionTimeoutMs })
  try {
    return await attack({ broker, workload, fleet }, options)
  } finally {
    const file = join(tmpdir(), `chaos-${seed}-${delivery}.log`)
    writeFileSync(file, fleet.said)
    say(`what the workers said: ${file}`)
  }
}

interface Scene {
  readonly broker: TestBroker
  readonly workload: Workload
  readonly fleet: Fleet
}

async function attack(scene: Scene, options: Options): Promise<Verdict[]> {
  const { broker, workload, fleet } = scene
  const { address } = broker
  for (let worker = 0; worker < firstWorkers; worker++) fleet.start()
  const over = new AbortController()
  const feeding = feed(workload, over.signal)
  await fleet.all[0]!.process.until(hasTasks)
  const watching = watchClean(workload, { address, clock, over: over.signal })
  const count = await inflict(scene, options)
  over.abort()
  await feeding
  const seen = await watching
  say('no more faults')
  while (!workload.isProduced) await workload.produce(workload.records)
  const expected = await expectedOf(workload, address)
  const isExact = options.delivery === 'exactly_once'
  if (isExact) await untilComplete(workload, { address, expected, withinMs: settleMs, fleet })
  else await untilAllThere(workload, address, expected)
  const peakMb = Math.round(Math.max(...fleet.running.map((worker) => worker.peakMb)))
  const { results } = await fleet.stopAll()
  const codes = results.map(({ code }) => code).join(', ')
  const isGood = results.every(({ code }) => code === 0)
  const evidence = { workload, address, expected, fleet, seen }
  return [
    ...(isExact ? await exactVerdicts(evidence) : await leastVerdicts(evidence)),
    ...processVerdicts(evidence, count),
    { oracle: 'O7 memory is bounded', isGood: !(peakMb > maxPeakMb), why: `${peakMb} MB at most` },
    { oracle: 'O8 all workers stop well', isGood, why: `exit codes ${codes}` },
  ]
}

/** Where records may be repeated their number says little, and windows count repeats. */
function untilAllThere(workload: Workload, address: string, expected: Expected): Promise<void> {
  const all = expected.written.clean.flat().length
  return untilTrue(
    async () => (await foundIn(workload, address)).clean.flatMap(withoutRepeats).length >= all,
    { withinMs: settleMs, otherwise: () => 'records are missing' },
  )
}

/** One fault after the other until the time is up. @returns how many. */
async function inflict({ broker, fleet }: Scene, options: Options): Promise<number> {
  const startUs = clock.monotonicUs()
  const minute = () => (clock.monotonicUs() - startUs) / 60e6
  let count = 0
  for (let step = 0; minute() < options.minutes; step++) {
    // What a step does depends on its number alone, not on how many workers there are by then.
    const random = new SeededRandom(options.seed * maxSteps + step)
    await clock.sleep(pauseMs.least + (pauseMs.most - pauseMs.least) * random.next())
    const done = await chooseFault(random).run({ fleet, broker, clock, random, sessionTimeoutMs })
    if (done === null) continue
    count += 1
    say(`${minute().toFixed(2)} min: ${done}`)
  }
  return count
}

async function feed(workload: Workload, over: AbortSignal): Promise<void> {
  const startUs = clock.monotonicUs()
  while (!over.aborted && !workload.isProduced) {
    await clock.sleep(1_000, over)
    const due = Math.floor(((clock.monotonicUs() - startUs) / 1e6) * ratePerSecond)
    // The last ones close the windows: they come when the faults are over.
    const count = Math.min(due, workload.records - 1) - workload.produced
    if (count > 0) await workload.produce(count)
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

process.exitCode = await main()
