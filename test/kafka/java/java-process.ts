import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { cacheFolder } from '../broker/cache-folder.ts'
import { kafkaJars } from '../broker/kafka-jars.ts'
import { lastLines, runCommand } from '../broker/run-command.ts'
import { findSharedTool } from './shared-tool.ts'

/** Enough for a million small records. */
const javaOptions = [
  '-Xmx512m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-Dlog4j2.level=WARN',
]
const source = join(import.meta.dirname, 'KafkaTool.java')

let tool: Promise<Tool> | undefined
/** The end of the request before: the tool works on one at a time. */
let lastRequest: Promise<unknown> = Promise.resolve()

interface Tool {
  ask(request: readonly string[]): Promise<readonly string[]>
}

/**
 * Sends a request to the KafkaTool that all test files share (`shared-tool.ts`); where there is none, to
 * one of this process.
 * @returns the lines of its answer; throws what went wrong in it.
 */
export function askKafkaTool(request: readonly string[]): Promise<readonly string[]> {
  return inTurn(request, () => findSharedTool() ?? startTool())
}

/** The same to one of this process, which starts with the first request and ends with us. */
export function askOwnKafkaTool(request: readonly string[]): Promise<readonly string[]> {
  return inTurn(request, startTool)
}

function inTurn(
  request: readonly string[],
  start: () => Promise<Tool>,
): Promise<readonly string[]> {
  const answer = lastRequest.then(async () => {
    tool ??= start()
    return (await tool).ask(request)
  })
  lastRequest = answer.catch(() => {})
  return answer
}

/**
 * Runs a command of Kafka, such as org.apache.kafka.tools.AclCommand, to its end.
 * @returns the lines of its output; throws what it said when its exit code is not 0.
 */
export async function runKafkaCommand(
  mainClass: string,
  args: readonly string[],
): Promise<readonly string[]> {
  const { code, stdout, stderr } = await runCommand('java', await javaCommand(mainClass, args))
  if (code !== 0) throw new Error(`${mainClass}: ${lastLines(stderr + stdout, 30)}`)
  return stdout === '' ? [] : stdout.trimEnd().split('\n')
}

class ToolProcess implements Tool {
  readonly #child: ChildProcess
  readonly #lines: Interface
  readonly #ended: Promise<never>

  constructor(child: ChildProcess) {
    this.#child = child
    this.#lines = createInterface({ input: child.stdout! })
    child.stdin!.on('error', () => {})
    this.#ended = new Promise((_, reject) => {
      child.once('exit', (code) => reject(new Error(`KafkaTool ended with exit code ${code}`)))
      child.once('error', reject)
    })
    this.#ended.catch(() => {})
    this.#hold(false)
  }

  ask(request: readonly string[]): Promise<readonly string[]> {
    this.#hold(true)
    const answer = new Promise<readonly string[]>((resolve, reject) => {
      const lines: string[] = []
      const add = (line: string) => {
        if (line !== 'done' && !line.startsWith('failed\t')) return lines.push(line)
        this.#lines.off('line', add)
        if (line === 'done') return resolve(lines)
        reject(new Error(Buffer.from(line.slice(7), 'base64').toString('utf8')))
      }
      this.#lines.on('line', add)
      this.#child.stdin!.write(request.map((line) => `${line}\n`).join(''))
    })
    return Promise.race([answer, this.#ended]).finally(() => this.#hold(false))
  }

  /** Whether this process stays for it: only while an answer is awaited. */
  #hold(on: boolean): void {
    const { stdin, stdout } = this.#child as unknown as Record<
      string,
      { ref(): void; unref(): void }
    >
    for (const each of [this.#child, stdin!, stdout!]) {
      if (on) each.ref()
      else each.unref()
    }
  }
}

async function startTool(): Promise<Tool> {
  const args = await javaCommand('KafkaTool', [])
  return new ToolProcess(spawn('java', args, { stdio: ['pipe', 'pipe', 'ignore'] }))
}

async function javaCommand(mainClass: string, args: readonly string[]): Promise<string[]> {
  const { classPath } = await kafkaJars()
  const paths = `${await compiled(classPath)}:${classPath}`
  return [...javaOptions, '-cp', paths, mainClass, ...args]
}

/** The folder with the compiled KafkaTool; a cache, by the source's hash. */
async function compiled(classPath: string): Promise<string> {
  const hash = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16)
  const folder = join(cacheFolder(), `kafka-tool-${hash}`)
  if (existsSync(folder)) return folder
  mkdirSync(cacheFolder(), { recursive: true })
  const work = mkdtempSync(join(cacheFolder(), 'compiling-'))
  try {
    const args = ['-d', join(work, 'classes'), '-cp', classPath, source]
    const { code, stderr } = await runCommand('javac', args)
    if (code !== 0) throw new Error(`javac: ${stderr}`)
    if (!existsSync(folder)) renameSync(join(work, 'classes'), folder)
    return folder
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
