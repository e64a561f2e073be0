import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { messageOf, PipelineError } from '../core/errors.ts'
import { assertDirectory } from '../logs/embedded/data-directory.ts'
import { DirectoryLock } from '../logs/embedded/lock.ts'
import type { CliEnvironment } from './cli-environment.ts'
import type { LogFinding } from '../core/log.ts'
import { lookIntoLog } from './open-log.ts'
import { showBytes, showCount, showDuration } from './show-amount.ts'

const littleRoomBytes = 1e9
const noRoomBytes = 50e6
const fsyncTries = 10
const fsyncBytes = 4_096
/** An honest disk takes longer than this to write a page; less means that fsync does nothing. */
const suspiciousFsyncMs = 0.01
const slowFsyncMs = 50

/** Nothing in it is changed, and it is not made: what is checked for one that is missing is its folder. */
export async function checkDataDirectory(
  dataDir: string,
  environment: CliEnvironment,
): Promise<LogFinding[]> {
  const directory = resolve(environment.cwd, dataDir)
  const isThere = existsSync(directory)
  const folder = isThere ? directory : existingAncestor(directory)
  const access = checkAccess(folder, { dataDir, isThere })
  const findings = [access, checkRoom(folder)]
  if (access.status === 'wrong') return findings
  findings.push(checkFsync(folder, environment))
  if (isThere) findings.push(checkLock(directory, environment))
  if (existsSync(join(directory, 'log.db'))) findings.push(await checkLog(dataDir, environment))
  return findings
}

function existingAncestor(path: string): string {
  return existsSync(path) ? path : existingAncestor(dirname(path))
}

function checkAccess(
  folder: string,
  { dataDir, isThere }: { dataDir: string; isThere: boolean },
): LogFinding {
  const name = 'data directory'
  try {
    assertDirectory(folder)
    const text = isThere
      ? `${dataDir} is there and can be written to`
      : `${dataDir} is not there yet and can be made`
    return { name, status: 'ok', text }
  } catch (error) {
    return { name, status: 'wrong', text: messageOf(error) }
  }
}

function checkRoom(folder: string): LogFinding {
  const name = 'disk'
  try {
    const { bavail, bsize } = statfsSync(folder)
    const free = bavail * bsize
    const text = `${showBytes(free)} free`
    if (free < noRoomBytes)
      return { name, status: 'wrong', text: `${text}; free space on this disk, a run needs it` }
    if (free < littleRoomBytes)
      return { name, status: 'warning', text: `${text}; that may not last long` }
    return { name, status: 'ok', text }
  } catch (error) {
    return { name, status: 'warning', text: `how much is free is not known: ${messageOf(error)}` }
  }
}

/** A run commits as often as the disk can sync. */
function checkFsync(folder: string, { clock }: CliEnvironment): LogFinding {
  const name = 'fsync'
  const file = join(folder, `.millrace-doctor-${process.pid}`)
  try {
    const handle = openSync(file, 'wx', 0o600)
    const bytes = Buffer.alloc(fsyncBytes)
    const startedUs = clock.monotonicUs()
    try {
      for (let tries = 0; tries < fsyncTries; tries++) {
        writeSync(handle, bytes)
        fsyncSync(handle)
      }
    } finally {
      closeSync(handle)
      rmSync(file, { force: true })
    }
    return judgeFsync((clock.monotonicUs() - startedUs) / 1_000 / fsyncTries)
  } catch (error) {
    return { name, status: 'wrong', text: `writing ${file}: ${messageOf(error)}` }
  }
}

function judgeFsync(meanMs: number): LogFinding {
  const text = `${showDuration(meanMs)} on average, ${showCount(1_000 / meanMs)} a second`
  if (meanMs < suspiciousFsyncMs) {
    return {
      name: 'fsync',
      status: 'warning',
      text: `${text}; this disk keeps nothing: records are lost when the power is`,
    }
  }
  if (meanMs > slowFsyncMs)
    return { name: 'fsync', status: 'warning', text: `${text}; a faster disk makes runs faster` }
  return { name: 'fsync', status: 'ok', text }
}

function checkLock(directory: string, { clock }: CliEnvironment): LogFinding {
  const name = 'lock'
  if (!existsSync(join(directory, 'lock.db')))
    return { name, status: 'ok', text: 'nobody writes to the data directory' }
  try {
    new DirectoryLock({ directory, clock }).release()
    return { name, status: 'ok', text: 'nobody writes to the data directory' }
  } catch (error) {
    const isInUse = error instanceof PipelineError && error.code === 'DATA_DIR_IN_USE'
    return { name, status: isInUse ? 'ok' : 'wrong', text: messageOf(error) }
  }
}

async function checkLog(dataDir: string, environment: CliEnvironment): Promise<LogFinding> {
  const name = 'log'
  try {
    const { topics, pipelines } = await lookIntoLog(
      { kind: 'embedded', dataDir },
      environment,
      async ({ reader, admin }) => ({
        topics: await reader.topics(),
        pipelines: await admin.manifests(),
      }),
    )
    const records = topics
      .flatMap(({ ranges }) => ranges)
      .reduce((sum, { start, end }) => sum + Number(end - start), 0)
    const size = statSync(join(resolve(environment.cwd, dataDir), 'log.db')).size
    const text = `${showBytes(size)}, ${showCount(records)} records in ${topics.length} topics, of ${pipelines.length} pipeline${pipelines.length === 1 ? '' : 's'}`
    return { name, status: 'ok', text }
  } catch (error) {
    return { name, status: 'wrong', text: messageOf(error) }
  }
}
