import { Readable, Writable } from 'node:stream'
import type { CliEnvironment } from '../../src/cli/cli-environment.ts'
import type { OpenKafkaLog } from '../../src/cli/log-choice.ts'
import { logOpener } from '../../src/cli/open-log.ts'
import { SecretMask } from '../../src/cli/secret-mask.ts'
import { createSystemClock } from '../../src/clock/system-clock.ts'
import type { Clock } from '../../src/core/clock.ts'
import { PipelineError } from '../../src/core/errors.ts'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { noopTelemetry } from '../../src/telemetry/noop-telemetry.ts'

/** What a command wrote. */
export class Written extends Writable {
  text = ''

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString('utf8')
    done()
  }
}

export interface TestEnvironment extends CliEnvironment {
  readonly stdout: Written
  readonly stderr: Written
  /** As a signal to the process. */
  readonly interrupt: (signal: string) => void
}

export interface TestEnvironmentOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly clock?: Clock
  readonly columns?: number
  readonly rows?: number
  /** What is typed, by somebody who is asked then; nobody is there when left out. */
  readonly answers?: string
  readonly openKafka?: OpenKafkaLog
}

/** The outside of a command in memory. */
export function aCliEnvironment(options: TestEnvironmentOptions = {}): TestEnvironment {
  const stopping = new AbortController()
  const { cwd = '.', env = {}, clock = createSystemClock(), columns = 80, rows = 24 } = options
  const { answers, openKafka = refuseKafka } = options
  return {
    env,
    cwd,
    clock,
    random: new SeededRandom(1),
    telemetry: noopTelemetry,
    stdin: Readable.from(answers === undefined ? [] : [Buffer.from(answers)]),
    stdout: new Written(),
    stderr: new Written(),
    screen: {
      isTerminal: false,
      sharesStdout: false,
      colors: false,
      canAsk: answers !== undefined,
      size: () => ({ columns, rows }),
    },
    mask: new SecretMask(),
    interrupts: { listen: () => stopping.signal, stdoutClosed: new AbortController().signal },
    openLog: logOpener({ clock, cwd, env }, openKafka),
    supervisor: null,
    startWorker: refuseWorkers,
    interrupt: (signal) => stopping.abort(signal),
  }
}

async function refuseKafka(): Promise<never> {
  throw new PipelineError('PEER_UNAVAILABLE', 'there is no Kafka in this test')
}

function refuseWorkers(): never {
  throw new TypeError('no workers are started in this test')
}
