import { lastLines } from './run-command.ts'
import { clusterId } from './server-properties.ts'
import type { BrokerOptions } from './test-broker.ts'

/** A test broker needs little memory. Log4j has no file of its own: what the broker does is on stdout. */
const javaOptions = ['-Xmx512m', '-XX:+UseSerialGC', '-Dlog4j2.level=INFO']
/** Each of several brokers on one machine; the last setting counts. */
const ofSeveral = '-Xmx256m'
/** Up sooner, without the second compiler of Java; a broker that is kept is worth its time. */
const quickStart = '-XX:TieredStopAtLevel=1'

export interface JavaPlace {
  /** The jars of Kafka, as `java -cp` takes them. */
  readonly classPath: string
  readonly propertiesFile: string
}

/** The environment of `java`: it reads its arguments, with the passwords of users, as UTF-8. */
export const javaEnvironment = { LC_ALL: 'C.UTF-8' }

/** Arguments of `java`: makes the data folder, with the SCRAM users, where there is none yet. */
export function formatCommand(options: BrokerOptions, place: JavaPlace): readonly string[] {
  const users = (options.users ?? []).flatMap(({ name, password }) =>
    ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
      '--add-scram',
      `${mechanism}=[name=${name},password="${password}"]`,
    ]),
  )
  const tool = ['kafka.tools.StorageTool', 'format', '--ignore-formatted', '-t', clusterId]
  const all = [...javaOptions, quickStart, '-cp', place.classPath, ...tool]
  return [...all, '-c', place.propertiesFile, ...users]
}

/** Arguments of `java`: the broker. */
export function serverCommand(options: BrokerOptions, place: JavaPlace): readonly string[] {
  const all = [
    ...javaOptions,
    ...(options.node === undefined ? [] : [ofSeveral]),
    ...(options.dataFolder === undefined ? [quickStart] : []),
  ]
  return [...all, '-cp', place.classPath, 'kafka.Kafka', place.propertiesFile]
}

/** What a broker that did not start says about it. */
export function complaint(log: string): string {
  const lines = log.split('\n').filter((line) => / (?:ERROR|FATAL) |Exception/.test(line))
  return lines.length > 0 ? lines.slice(0, 3).join('\n') : lastLines(log)
}
