import { PipelineError } from '../core/errors.ts'
import { brokersOfUrl, isKafkaUrl, kafkaUrl } from '../core/kafka-connection.ts'
import type { LogKind } from '../topology/topology.ts'
import type { CliEnvironment } from './cli-environment.ts'
import { clusterOfFile, type ChoosingFile } from './file-connections.ts'
import { connectionOfEnvironment } from './kafka-connections.ts'
import type { LogChoice } from './log-choice.ts'

export const defaultDataDir = './.millrace'

/** Options of all commands that work on a log. */
export interface LogOptions {
  readonly dataDir: string
  readonly log?: string
}

/** A log as it was asked for, with the words for messages. */
interface Asked {
  readonly log: string
  readonly where: '--log' | 'MILLRACE_LOG'
}

/**
 * The log that the command line or else `MILLRACE_LOG` names; null where the pipeline files decide.
 * @throws PipelineError CONFIG_USAGE when it is no log.
 */
export function askedLog(
  log: string | undefined,
  { env, mask }: Pick<CliEnvironment, 'env' | 'mask'>,
): Asked | null {
  const { MILLRACE_LOG: variable = '' } = env
  if (log === undefined && variable === '') return null
  const asked: Asked =
    log === undefined ? { log: variable, where: 'MILLRACE_LOG' } : { log, where: '--log' }
  if (asked.log === 'embedded') return asked
  if (!isKafkaUrl(asked.log)) {
    // A mistyped address may still have a password in it.
    const shown = asked.log.includes('@') ? 'no log' : `"${mask.text(asked.log)}", which is no log`
    throw usage(`${asked.where} is ${shown}; use embedded or kafka://HOST:PORT`)
  }
  const brokers = brokersOfUrl(asked.log)
  if (typeof brokers === 'string') {
    throw usage(`${asked.where}: ${brokers}; see \`millrace run --help\``)
  }
  return asked
}

export function logKind(log: string): LogKind {
  return isKafkaUrl(log) ? 'kafka' : 'embedded'
}

/**
 * The command line decides where topics live, then `MILLRACE_LOG`, then the pipeline files, which have
 * been found to agree.
 * @throws PipelineError CONFIG_USAGE, CONFIG_FILE, CONFIG_VARIABLE
 */
export function chooseLog(
  { dataDir, log }: LogOptions,
  files: readonly ChoosingFile[],
  environment: CliEnvironment,
): LogChoice {
  const asked = askedLog(log, environment)
  const file = files.find(({ spec }) => spec.log !== null)
  const wanted = asked?.log ?? file?.spec.log ?? 'embedded'
  if (typeof wanted === 'object') {
    const connection = clusterOfFile(file!, wanted.connection)
    return { kind: 'kafka', dataDir, connection, named: { connection: wanted.connection } }
  }
  if (wanted === 'embedded') return { kind: 'embedded', dataDir }
  const brokers = brokersOfUrl(wanted)
  if (typeof brokers === 'string') throw usage(brokers)
  const connection = connectionOfEnvironment(brokers, environment)
  return { kind: 'kafka', dataDir, connection, named: { address: asked?.where ?? '"log"' } }
}

/** `--workers` of `run`. @throws PipelineError CONFIG_USAGE on the embedded log. */
export function assertWorkers(workers: number | undefined, { kind }: LogChoice): void {
  if (workers === undefined || workers === 1 || kind === 'kafka') return
  throw usage(
    `--workers ${workers} needs Kafka: the embedded log is one file, which one process writes; leave ` +
      'out --workers, all stages share this process then',
  )
}

/** What names the log on a command line; empty for the log that commands take by themselves. */
export function logArguments(choice: LogChoice): string {
  if (choice.kind === 'kafka') return `--log ${kafkaUrl(choice.connection)}`
  return choice.dataDir === defaultDataDir ? '' : `--data-dir ${choice.dataDir}`
}

/** The log in the words of messages. */
export function shownLog(choice: LogChoice): string {
  return choice.kind === 'embedded'
    ? `the embedded log in ${choice.dataDir}`
    : `the Kafka log at ${kafkaUrl(choice.connection)}`
}

function usage(message: string): PipelineError {
  return new PipelineError('CONFIG_USAGE', message)
}
