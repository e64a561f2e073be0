import type { Clock, Random } from '../../../src/core/clock.ts'
import type { TestBroker } from '../broker/test-broker.ts'
import type { Fleet, TestWorker } from '../workers/fleet.ts'

export interface Chaos {
  readonly fleet: Fleet
  readonly broker: TestBroker
  readonly clock: Clock
  readonly random: Random
  readonly sessionTimeoutMs: number
}

interface Fault {
  /** How often it is chosen, beside the others. */
  readonly weight: number
  readonly what: string
  /** @returns what it did, in words; null where it cannot be done now. */
  readonly run: (chaos: Chaos) => Promise<string | null>
}

const fewestWorkers = 2
const mostWorkers = 5
/** Longer than a request may take, so that the workers notice. */
const longestBrokerPauseMs = 45_000
const brokerDownMs = [500, 5_000, 15_000] as const

export const faults: readonly Fault[] = [
  { weight: 8, what: 'a worker is killed', run: killWorker },
  { weight: 4, what: 'a worker stops', run: stopWorker },
  { weight: 4, what: 'a worker comes', run: addWorker },
  { weight: 4, what: 'a worker is frozen', run: freezeWorker },
  { weight: 3, what: 'the broker is killed', run: killBroker },
  { weight: 2, what: 'the broker is frozen', run: freezeBroker },
]

export function chooseFault(random: Random): Fault {
  const all = faults.reduce((sum, { weight }) => sum + weight, 0)
  let rest = random.next() * all
  return faults.find(({ weight }) => (rest -= weight) < 0) ?? faults[0]!
}

async function killWorker({ fleet, random }: Chaos): Promise<string> {
  const victim = anyOf(fleet, random)
  victim.kill('SIGKILL')
  await victim.ended
  const heir = fleet.start()
  return `worker ${victim.number} is killed, worker ${heir.number} starts`
}

async function stopWorker({ fleet, random }: Chaos): Promise<string | null> {
  if (fleet.running.length <= fewestWorkers) return null
  const leaver = anyOf(fleet, random)
  const { result, tookMs } = await leaver.stop()
  return `worker ${leaver.number} stops in ${Math.round(tookMs)} ms with exit code ${result.code ?? result.signal}`
}

async function addWorker({ fleet }: Chaos): Promise<string | null> {
  return fleet.running.length >= mostWorkers ? null : `worker ${fleet.start().number} starts`
}

async function freezeWorker({ fleet, random, clock, sessionTimeoutMs }: Chaos): Promise<string> {
  const victim = anyOf(fleet, random)
  const pauseMs = Math.round(sessionTimeoutMs * (0.3 + 2.7 * random.next()))
  victim.kill('SIGSTOP')
  await clock.sleep(pauseMs)
  victim.kill('SIGCONT')
  return `worker ${victim.number} was frozen for ${pauseMs} ms`
}

async function killBroker({ broker, random, clock }: Chaos): Promise<string> {
  const downMs = brokerDownMs[Math.floor(random.next() * brokerDownMs.length)]!
  await broker.kill('SIGKILL')
  await clock.sleep(downMs)
  await broker.restart()
  return `the broker was killed and started again ${downMs} ms later`
}

async function freezeBroker({ broker, random, clock }: Chaos): Promise<string> {
  const pauseMs = Math.round(2_000 + (longestBrokerPauseMs - 2_000) * random.next() ** 3)
  await broker.kill('SIGSTOP')
  await clock.sleep(pauseMs)
  await broker.kill('SIGCONT')
  return `the broker was frozen for ${pauseMs} ms`
}

function anyOf({ running }: Fleet, random: Random): TestWorker {
  return running[Math.floor(random.next() * running.length)]!
}
