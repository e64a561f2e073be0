import { type ChildProcess, spawn } from 'node:child_process'
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { untilAnswering } from './answering.ts'
import { makeCertificates } from './certificates.ts'
import {
  complaint,
  formatCommand,
  javaEnvironment,
  type JavaPlace,
  serverCommand,
} from './java-command.ts'
import { cacheFolder } from './cache-folder.ts'
import { kafkaJars, kafkaVersion } from './kafka-jars.ts'
import { choosePorts, listenerAddresses } from './ports.ts'
import { runCommand } from './run-command.ts'
import { clientListeners, serverProperties, usesTls } from './server-properties.ts'
import type { BrokerOptions, BrokerSignal, Certificates, TestBroker } from './test-broker.ts'

const startTimeoutMs = 60_000
const host = '127.0.0.1'

/** Starts Kafka from its own jars as a process of this machine. */
export async function startJavaBroker(options: BrokerOptions): Promise<TestBroker> {
  const { classPath } = await kafkaJars()
  const folder = mkdtempSync(join(tmpdir(), 'millrace-kafka-'))
  try {
    const { node, port } = options
    const chosen = await choosePorts(Object.keys(clientListeners(options)), port)
    const ports =
      node === undefined ? chosen : { ...chosen, CONTROLLER: node.controllerPorts[node.id - 1]! }
    const certificates = usesTls(options) ? await makeCertificates(join(folder, 'tls'), host) : null
    const dataFolder = options.dataFolder ?? join(folder, 'data')
    mkdirSync(dataFolder, { recursive: true })
    const place = { classPath, propertiesFile: join(folder, 'server.properties') }
    const properties = { bind: host, host, ports, dataFolder, certificates }
    writeFileSync(place.propertiesFile, serverProperties(options, properties), { mode: 0o600 })
    await format(options, place, dataFolder)
    const broker = new JavaBroker({
      folder,
      // Java unpacks native libraries into its temporary folder, and leaves them there when killed.
      command: [`-Djava.io.tmpdir=${folder}`, ...serverCommand(options, place)],
      ports,
      certificates,
      keepsData: options.dataFolder !== undefined,
    })
    await broker.start()
    return broker
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

/** Makes the data folder. Most of them are the same when they are new: then one is kept, to be copied. */
async function format(options: BrokerOptions, place: JavaPlace, dataFolder: string): Promise<void> {
  const { users = [], node } = options
  const isUsual = users.length === 0 && node === undefined && readdirSync(dataFolder).length === 0
  const kept = join(cacheFolder(), `formatted-${kafkaVersion}`)
  if (isUsual && existsSync(kept)) return cpSync(kept, dataFolder, { recursive: true })
  const { code, stdout, stderr } = await runCommand('java', formatCommand(options, place), {
    env: javaEnvironment,
  })
  if (code !== 0) throw new Error(`the broker's data folder: ${complaint(stdout + stderr)}`)
  if (!isUsual) return
  const copy = mkdtempSync(join(cacheFolder(), 'formatting-'))
  cpSync(dataFolder, copy, { recursive: true })
  // Another process may have been quicker.
  if (existsSync(kept)) rmSync(copy, { recursive: true })
  else renameSync(copy, kept)
}

interface JavaBrokerParts {
  /** With the settings, the log and, when it is temporary, the data. */
  readonly folder: string
  readonly command: readonly string[]
  readonly ports: Readonly<Record<string, number>>
  readonly certificates: Certificates | null
  readonly keepsData: boolean
}

class JavaBroker implements TestBroker {
  readonly way = `Java (Apache Kafka ${kafkaVersion})`
  readonly address: string
  readonly addresses: Readonly<Record<string, string>>
  readonly certificates: Certificates | null
  readonly #parts: JavaBrokerParts
  #process: ChildProcess | null = null
  #guard: ChildProcess | null = null
  #ended: Promise<void> = Promise.resolve()

  constructor(parts: JavaBrokerParts) {
    this.#parts = parts
    this.addresses = listenerAddresses(host, parts.ports)
    this.address = this.addresses['DIRECT']!
    this.certificates = parts.certificates
  }

  async start(): Promise<void> {
    const { folder, command, keepsData } = this.#parts
    const logFile = join(folder, 'broker.log')
    const log = openSync(logFile, 'a')
    const child = spawn('java', command, { stdio: ['ignore', log, log] })
    closeSync(log)
    this.#process = child
    this.#ended = new Promise((resolve) => {
      const end = () => {
        this.#dismissGuard()
        this.#process = null
        resolve()
      }
      child.once('exit', end)
      // There is no such program.
      child.once('error', end)
    })
    if (child.pid !== undefined) this.#guard = guard(child.pid, keepsData ? null : folder)
    const failed = () =>
      this.#process === child
        ? null
        : `the broker ended (exit ${child.exitCode}): ${complaint(readFileSync(logFile, 'utf8'))}`
    try {
      await untilAnswering(this.address, { timeoutMs: startTimeoutMs, failed })
    } catch (error) {
      await this.kill('SIGKILL')
      throw error
    }
  }

  async kill(signal: BrokerSignal): Promise<void> {
    if (this.#process === null) return
    this.#process.kill(signal)
    if (signal === 'SIGKILL' || signal === 'SIGTERM') await this.#ended
  }

  async restart(): Promise<void> {
    await this.kill('SIGCONT')
    await this.kill('SIGTERM')
    await this.start()
  }

  async stop(): Promise<void> {
    const { folder, keepsData } = this.#parts
    await this.kill('SIGCONT')
    await this.kill(keepsData ? 'SIGTERM' : 'SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }

  /** Once the process has gone: its id may become another one's. */
  #dismissGuard(): void {
    this.#guard?.kill('SIGKILL')
    this.#guard = null
  }
}

/**
 * Ends the broker and removes its files when this process is gone, however it went: the guard reads
 * from a pipe that ends with us.
 */
function guard(pid: number, folder: string | null): ChildProcess {
  const script = 'cat >/dev/null; kill -9 "$1"; [ -z "$2" ] || rm -rf "$2"'
  const child = spawn('/bin/sh', ['-c', script, 'guard', String(pid), folder ?? ''], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // Ctrl-C at the terminal is for us: the guard must live longer.
    detached: true,
  })
  child.unref()
  return child
}
