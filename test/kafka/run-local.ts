import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { createSystemClock } from '../../src/clock/system-clock.ts'
import { isAnswering } from './broker/answering.ts'
import { startBroker } from './broker/start-broker.ts'
import type { TestBroker } from './broker/test-broker.ts'

/** `npm run kafka`: a broker for this machine, for as long as the command runs. */

const usage = `npm run kafka                          a local Kafka on 127.0.0.1:9092, until Ctrl-C
npm run kafka -- --port 9192           on another port
npm run kafka -- --data kafka-data     keeps its topics in that folder

It comes from Docker, if that is running, else from Java and Maven.
`
const defaultPort = 9092
const checkEveryMs = 1_000
/** A broker that has not answered so often in a row is not coming back. */
const maxMissed = 15

const clock = createSystemClock()

async function main(): Promise<number> {
  const options = readArguments()
  if (typeof options === 'number') return options
  const { port, dataFolder } = options
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => stop.abort())
  say(`starting Kafka on port ${port} ...`)
  try {
    const kept = dataFolder === null ? {} : { dataFolder: resolve(dataFolder) }
    await using broker = stopping(await startBroker({ own: true, port, ...kept }))
    if (!stop.signal.aborted) say(welcome(broker, dataFolder))
    return await watch(broker, stop.signal)
  } catch (error) {
    complain(error instanceof Error ? error.message : String(error))
    return 1
  }
}

function readArguments(): { port: number; dataFolder: string | null } | number {
  try {
    const { values } = parseArgs({
      options: {
        port: { type: 'string', default: String(defaultPort) },
        data: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    })
    if (values.help) {
      say(usage)
      return 0
    }
    const port = Number(values.port)
    if (!Number.isInteger(port) || port < 1 || port > 65_535) {
      throw new Error(`--port ${values.port}: a port is a number from 1 to 65535`)
    }
    return { port, dataFolder: values.data ?? null }
  } catch (error) {
    complain(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
    return 2
  }
}

function stopping(broker: TestBroker): TestBroker & AsyncDisposable {
  return Object.assign(broker, {
    [Symbol.asyncDispose]: async () => {
      say('stopping Kafka ...')
      await broker.stop()
    },
  })
}

function welcome({ address, way }: TestBroker, dataFolder: string | null): string {
  const example = existsSync('pipelines/orders.yaml') ? 'pipelines/orders.yaml' : 'FILE'
  const data =
    dataFolder === null
      ? 'Its topics are gone when it ends; keep them with `npm run kafka -- --data FOLDER`.'
      : `Its topics are kept in ${dataFolder}.`
  return `Kafka is up at ${address}, by ${way}. ${data}

  npm run -s millrace -- run ${example} --log kafka://${address}

Ctrl-C stops it.`
}

/** Until it is told to stop (0), or the broker has gone (1). */
async function watch(broker: TestBroker, signal: AbortSignal): Promise<number> {
  for (let missed = 0; missed < maxMissed && !signal.aborted;) {
    missed = (await isAnswering(broker.address)) ? 0 : missed + 1
    await clock.sleep(checkEveryMs, signal)
  }
  if (signal.aborted) return 0
  complain(`the broker at ${broker.address} no longer answers`)
  return 1
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function complain(line: string): void {
  process.stderr.write(`${line}\n`)
}

process.exitCode = await main()
