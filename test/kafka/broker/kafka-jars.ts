import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder } from './cache-folder.ts'
import { fetchByMaven } from './fetch-by-maven.ts'
import { installPackage } from './install-package.ts'
import { runCommand } from './run-command.ts'
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
  const name = `Kafka ${kafkaVersion}`
  if (!existsSync(folder))
    await fetchByMaven({ name, folder, goal: 'dependency:copy-dependencies', pom: pom() })
  return { classPath: join(folder, '*') }
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
