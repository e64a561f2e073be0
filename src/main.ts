import { hostname } from 'node:os'
import { isatty } from 'node:tty'
import { createSystemClock } from './clock/system-clock.ts'
import { createSystemRandom } from './clock/system-random.ts'
import {
  exitCodes,
  type CliEnvironment,
  type ExitCode,
  type Interrupts,
} from './cli/cli-environment.ts'
import { sessionTimeoutOf } from './cli/kafka-connections.ts'
import type { OpenKafkaLog } from './cli/log-choice.ts'
import { logOpener } from './cli/open-log.ts'
import { printError } from './cli/print-error.ts'
import { runProgram } from './cli/program.ts'
import { SecretMask } from './cli/secret-mask.ts'
import { supervisorOf, workerStarter } from './cli/worker-process.ts'
import type { KafkaEndpoints } from './core/endpoints.ts'
import { PipelineError } from './core/errors.ts'
import type { HttpClient } from './core/http-client.ts'
import type { Listening } from './core/listening.ts'
import { ChildProcessRunner } from './endpoints/processes/child-process-runner.ts'
import { processSpawner } from './endpoints/processes/spawn-process.ts'
import type { MetricsExporter, MetricsExporterOptions } from './telemetry/metrics/push-metrics.ts'
import type { OpenTracing, TracingOptions } from './telemetry/spans/tracing-options.ts'
import { noopTelemetry } from './telemetry/noop-telemetry.ts'

/** The composition root: the only file that knows the process. */
const { env, stdout, stderr } = process
const cwd = process.cwd()
const clock = createSystemClock()
const supervisor = supervisorOf(env)
/** Of a terminal that does not tell. */
const defaultSize = { columns: 100, rows: 24 }

const environment: CliEnvironment = {
  env,
  cwd,
  // Opened by whoever reads it, not by commands that do not.
  get stdin() {
    return process.stdin
  },
  stdout,
  stderr,
  screen: {
    isTerminal: isatty(2),
    sharesStdout: isatty(1),
    canAsk: isatty(0) && isatty(2),
    colors: isatty(2) && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb',
    size: () => ({
      columns: stderr.columns || defaultSize.columns,
      rows: stderr.rows || defaultSize.rows,
    }),
  },
  clock,
  random: createSystemRandom(),
  telemetry: noopTelemetry,
  mask: new SecretMask(),
  interrupts: catchInterrupts(),
  openLog: logOpener({ clock, cwd, env }, openKafka),
  openKafkaEndpoints,
  openHttpClient,
  processes: new ChildProcessRunner(clock, env),
  openListening,
  openMetricsExporter,
  openTracing,
  supervisor,
  startWorker: workerStarter(env, cwd),
  spawn: processSpawner(clock, env),
}

process.on('uncaughtException', (error) => exit(printError(environment, error)))

try {
  exit(await runProgram(process.argv.slice(2), environment))
} catch (thrown) {
  exit(printError(environment, thrown))
}

/** Loaded by those who need it only. */
async function openKafka(options: Parameters<OpenKafkaLog>[0]): ReturnType<OpenKafkaLog> {
  const { openKafkaLog } = await import('./logs/kafka/open-kafka-log.ts')
  const worker = `${hostname()}/${process.pid}`
  return openKafkaLog({
    ...options,
    random: environment.random,
    mask: environment.mask.text,
    worker,
    instanceId: env['MILLRACE_INSTANCE_ID'] || null,
    sessionTimeoutMs: sessionTimeoutOf(environment),
    // A way for tests to have the process killed in the middle of a commit.
    failpoint: env['MILLRACE_FAILPOINT'],
  })
}

async function openKafkaEndpoints(options: {
  notice: (message: string) => void
}): Promise<KafkaEndpoints> {
  const { kafkaEndpoints } = await import('./logs/kafka/endpoint/kafka-endpoints.ts')
  const { random, mask } = environment
  return kafkaEndpoints({ ...options, clock, random, mask: mask.text })
}

async function openHttpClient(): Promise<HttpClient> {
  const http = await import('./endpoints/http/http-client.ts')
  return http.openHttpClient({ clock })
}

async function openListening(): Promise<Listening> {
  const listening = await import('./endpoints/listening/open-listening.ts')
  return listening.openListening({ clock })
}

async function openMetricsExporter(options: MetricsExporterOptions): Promise<MetricsExporter> {
  const otel = await import('./telemetry/otel-metrics.ts')
  return otel.openMetricsExporter(options)
}

async function openTracing(options: TracingOptions): Promise<OpenTracing> {
  const otel = await import('./telemetry/otel-spans.ts')
  return otel.openOtelSpans(options)
}

function catchInterrupts(): Interrupts {
  const closed = new AbortController()
  stdout.on('error', (error) => closed.abort(error))
  // Nobody is left to be told anything.
  stderr.on('error', () => {})
  const stopping = new AbortController()
  const onSignal = (signal: NodeJS.Signals) => {
    if (stopping.signal.aborted)
      process.exit(signal === 'SIGINT' ? exitCodes.interrupted : exitCodes.failed)
    stopping.abort(signal)
  }
  const stop = () => onSignal('SIGTERM')
  const listen = () => {
    // A worker whose supervisor has gone stops as well.
    if (supervisor !== null && !process.listeners('disconnect').includes(stop))
      process.on('disconnect', stop)
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      if (!process.listeners(signal).includes(onSignal)) process.on(signal, onSignal)
    }
    return stopping.signal
  }
  return { listen, stdoutClosed: closed.signal }
}

/** At once after the last output: what a listener or a source left open must not keep the process. */
function exit(code: ExitCode): void {
  process.exitCode = code
  // The error of a write comes a turn after its end.
  stdout.write('', () => setImmediate(finish, code))
}

function finish(code: ExitCode): void {
  const lost: unknown = environment.interrupts.stdoutClosed.reason
  const isBroken = lost instanceof Error && !('code' in lost && lost.code === 'EPIPE')
  if (isBroken && code === exitCodes.ok)
    process.exitCode = printError(environment, lostOutput(lost))
  stderr.write('', () => process.exit())
}

/** A reader of stdout that has seen enough is no error; a full disk behind it is. */
function lostOutput(cause: Error): PipelineError {
  return new PipelineError(
    'FILE_FAILED',
    `writing to stdout: ${cause.message}; send it elsewhere, or free space there`,
    { cause },
  )
}
