import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { installPackage } from './install-package.ts'
import { lastLines, runCommand } from './run-command.ts'
import { NoBrokerError } from './test-broker.ts'

export const kafkaVersion = '4.3.1'
const minJavaMajor = 17

/** Java finds all jars of the folder by this. */
export interface KafkaJars {
  readonly classPath: string
}

let jars: Promise<KafkaJars> | undefined

/**
 * Kafka's own jars from Maven Central, fetched once into the user's cache folder. Java and Maven are
 * installed where they are missing and may be: in CI or as root, with Debian's packages.
 */
export function kafkaJars(): Promise<KafkaJars> {
  jars ??= findJars()
  return jars
}

async function findJars(): Promise<KafkaJars> {
  const folder = join(cacheFolder(), `kafka-${kafkaVersion}`)
  await needJava()
  if (!existsSync(folder)) await fetchJars(folder)
  return { classPath: join(folder, '*') }
}

export function cacheFolder(): string {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'millrace')
}

async function needJava(): Promise<void> {
  if (await hasJava()) return
  await installPackage('Java', 'default-jdk-headless')
  if (!(await hasJava())) {
    throw new NoBrokerError(`Java ${minJavaMajor} or later, with its compiler, is not installed`)
  }
}

/** With `javac`: the program in test/kafka/java is compiled when it is needed. */
async function hasJava(): Promise<boolean> {
  const { code, stdout } = await runCommand('javac', ['-version'])
  const [, major] = /^javac (\d+)/.exec(stdout) ?? []
  return code === 0 && Number(major) >= minJavaMajor
}

async function fetchJars(folder: string): Promise<void> {
  if ((await runCommand('mvn', ['-version'])).code !== 0) await installPackage('Maven', 'maven')
  mkdirSync(cacheFolder(), { recursive: true })
  const work = mkdtempSync(join(cacheFolder(), 'fetching-'))
  try {
    writeFileSync(join(work, 'pom.xml'), pom())
    const { code, stdout, stderr } = await runCommand('mvn', [
      '--quiet',
      '--batch-mode',
      `--file=${join(work, 'pom.xml')}`,
      'dependency:copy-dependencies',
      `-DoutputDirectory=${join(work, 'jars')}`,
    ])
    if (code !== 0) {
      throw new NoBrokerError(
        `Maven could not fetch Kafka ${kafkaVersion} from Maven Central: ${lastLines(stdout + stderr)}`,
      )
    }
    // In one step, since others may fetch them at the same time: the first one wins.
    if (!existsSync(folder)) renameSync(join(work, 'jars'), folder)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function pom(): string {
  const dependencies = [
    ['org.apache.kafka', 'kafka_2.13', kafkaVersion],
    ['org.apache.kafka', 'kafka-tools', kafkaVersion],
    // Without it the broker logs nothing, not even why it cannot start.
    ['org.apache.logging.log4j', 'log4j-slf4j-impl', '2.25.4'],
  ].map(
    ([group, artifact, version]) =>
      `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`,
  )
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>millrace</groupId><artifactId>test-broker</artifactId><version>1</version>
  <packaging>pom</packaging>
  <dependencies>${dependencies.join('')}</dependencies>
</project>
`
}
