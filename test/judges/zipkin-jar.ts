import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { installPackage } from '../kafka/broker/install-package.ts'
import { cacheFolder } from '../kafka/broker/kafka-jars.ts'
import { lastLines, runCommand } from '../kafka/broker/run-command.ts'
import { NoBrokerError } from '../kafka/broker/test-broker.ts'

const version = '3.5.1'
const jarName = `zipkin-server-${version}-exec.jar`
const minJavaMajor = 17
const fetchTimeoutMs = 900_000

/**
 * Zipkin's server from Maven Central (131 MB), fetched once into the user's cache folder. Java and Maven
 * are installed where they are missing and may be.
 * @throws NoBrokerError where there is no way to have it.
 */
export async function zipkinJar(): Promise<string> {
  const folder = join(cacheFolder(), `zipkin-${version}`)
  const jar = join(folder, jarName)
  if (!(await hasJava())) await installPackage('Java', 'default-jre-headless')
  if (!existsSync(jar)) await fetchJar(folder)
  return jar
}

async function hasJava(): Promise<boolean> {
  const { code, stderr } = await runCommand('java', ['-version'])
  const [, major] = /version "(\d+)/.exec(stderr) ?? []
  return code === 0 && Number(major) >= minJavaMajor
}

async function fetchJar(folder: string): Promise<void> {
  if ((await runCommand('mvn', ['-version'])).code !== 0) await installPackage('Maven', 'maven')
  mkdirSync(cacheFolder(), { recursive: true })
  const work = mkdtempSync(join(cacheFolder(), 'fetching-'))
  try {
    const { code, stdout, stderr } = await runCommand(
      'mvn',
      [
        '--quiet',
        '--batch-mode',
        'dependency:copy',
        `-Dartifact=io.zipkin:zipkin-server:${version}:jar:exec`,
        `-DoutputDirectory=${join(work, 'jar')}`,
      ],
      { cwd: work, timeoutMs: fetchTimeoutMs },
    )
    if (code !== 0)
      throw new NoBrokerError(
        `Maven could not fetch Zipkin ${version}: ${lastLines(stdout + stderr)}`,
      )
    // In one step, since others may fetch it at the same time: the first one wins.
    if (!existsSync(folder)) renameSync(join(work, 'jar'), folder)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
