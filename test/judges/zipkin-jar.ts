import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder } from '../kafka/broker/cache-folder.ts'
import { fetchByMaven } from '../kafka/broker/fetch-by-maven.ts'
import { installPackage } from '../kafka/broker/install-package.ts'
import { runCommand } from '../kafka/broker/run-command.ts'

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
  if (!existsSync(jar)) {
    const artifact = `-Dartifact=io.zipkin:zipkin-server:${version}:jar:exec`
    await fetchByMaven({
      name: `Zipkin ${version}`,
      folder,
      goal: 'dependency:copy',
      args: [artifact],
      pom: null,
      timeoutMs: fetchTimeoutMs,
    })
  }
  return jar
}

async function hasJava(): Promise<boolean> {
  const { code, stderr } = await runCommand('java', ['-version'])
  const [, major] = /version "(\d+)/.exec(stderr) ?? []
  return code === 0 && Number(major) >= minJavaMajor
}
