import { type ChildProcess, spawn } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSystemClock } from '../../src/clock/system-clock.ts'
import { freePorts } from '../kafka/broker/ports.ts'
import { lastLines, runCommand } from '../kafka/broker/run-command.ts'
import { guardProcess } from './guard-process.ts'

/** Debian's scripts behind the ones in /usr/sbin: those would change to the user and folders of the init script. */
const scripts = '/usr/lib/rabbitmq/bin'
const host = '127.0.0.1'
const startTimeoutMs = 60_000
const pollMs = 100
const answerMs = 1_000
const queuesKeptMs = 6_000
const user = 'guest'
const password = 'guest'

const clock = createSystemClock()

/** This machine has no RabbitMQ. */
export class NoRabbitmqError extends Error {}

/** How clients reach a server; safe to hand to other processes. */
export interface RabbitmqAddress {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
}

interface Place {
  /** Settings, data, cookie and log of one server. */
  readonly folder: string
  readonly ports: { readonly amqp: number; readonly epmd: number; readonly dist: number }
  readonly env: Readonly<Record<string, string>>
}

/**
 * Starts RabbitMQ of this machine on loopback, with everything it writes in a folder of its own.
 * @throws NoRabbitmqError where it is not installed.
 */
export async function startRabbitmq(): Promise<RabbitmqServer> {
  if (!existsSync(join(scripts, 'rabbitmq-server'))) {
    throw new NoRabbitmqError(
      'rabbitmq-server is not installed; on Debian and Ubuntu: apt-get install rabbitmq-server',
    )
  }
  const [amqp, epmd, dist] = await freePorts(3)
  const folder = mkdtempSync(join(tmpdir(), 'millrace-rabbitmq-'))
  const ports = { amqp: amqp!, epmd: epmd!, dist: dist! }
  const server = new RabbitmqServer({ folder, ports, env: settle(folder, ports) })
  try {
    await server.start()
    return server
  } catch (error) {
    await server.stop()
    throw error
  }
}

/** Writes the settings of a new server. @returns the environment of it and its tools. */
function settle(folder: string, ports: Place['ports']): Place['env'] {
  const config = join(folder, 'rabbitmq.conf')
  writeFileSync(
    config,
    [
      `listeners.tcp.local = ${host}:${ports.amqp}`,
      `distribution.listener.interface = ${host}`,
      'vm_memory_high_watermark.absolute = 256MB',
      'disk_free_limit.absolute = 50MB',
      'log.console = true',
      'log.console.level = warning',
      'log.file = false',
      '',
    ].join('\n'),
  )
  // The cookie lies in the home folder, and belongs to this server alone.
  const home = join(folder, 'home')
  mkdirSync(home)
  return {
    HOME: home,
    ERL_EPMD_ADDRESS: host,
    ERL_EPMD_PORT: String(ports.epmd),
    RABBITMQ_NODENAME: 'millrace@localhost',
    RABBITMQ_DIST_PORT: String(ports.dist),
    RABBITMQ_CONFIG_FILE: config,
    RABBITMQ_CONF_ENV_FILE: join(folder, 'none.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
    RABBITMQ_PLUGINS_EXPAND_DIR: join(folder, 'plugins'),
    RABBITMQ_MNESIA_BASE: join(folder, 'data'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_PID_FILE: join(folder, 'pid'),
    // The process that is started is then the server itself, not a script around it.
    RABBITMQ_ALLOW_INPUT: '1',
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
      '-noinput +S 2:2 -kernel inet_dist_use_interface {127,0,0,1}',
  }
}

/** A server of the test: it can be killed and comes back with its data. */
export class RabbitmqServer implements RabbitmqAddress {
  readonly host = host
  readonly port: number
  readonly user = user
  readonly password = password
  readonly #place: Place
  /** Erlang's register of names; the server would start one that outlives it. */
  #epmd: ChildProcess | null = null
  #server: ChildProcess | null = null

  constructor(place: Place) {
    this.#place = place
    this.port = place.ports.amqp
  }

  get address(): RabbitmqAddress {
    return { host, port: this.port, user, password }
  }

  get url(): string {
    return `amqp://${user}:${password}@${host}:${this.port}`
  }

  /** Starts it, on the data of before; resolves once it takes connections. */
  async start(): Promise<void> {
    const { ports } = this.#place
    this.#epmd ??= this.#spawn('epmd', ['-port', String(ports.epmd), '-address', host])
    const server = this.#spawn(join(scripts, 'rabbitmq-server'), [])
    this.#server = server
    const endUs = clock.monotonicUs() + 1_000 * startTimeoutMs
    while (!(await isAnswering(this.port))) {
      if (hasEnded(server)) throw new Error(`RabbitMQ has ended: ${this.#complaint()}`)
      if (clock.monotonicUs() > endUs) {
        throw new Error(`RabbitMQ does not answer after ${startTimeoutMs} ms: ${this.#complaint()}`)
      }
      await clock.sleep(pollMs)
    }
  }

  /**
   * Until queues that were made just now outlive a SIGKILL: RabbitMQ 3.10 writes its list of quorum queues to
   * the disk some seconds later, and would come back without them and all that they held.
   */
  async untilQueuesAreKept(): Promise<void> {
    await clock.sleep(queuesKeptMs)
  }

  /** SIGKILL ends it as a power cut does, SIGSTOP leaves its sockets open. */
  async kill(signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT' = 'SIGKILL'): Promise<void> {
    const server = this.#server
    if (server === null || hasEnded(server)) return
    const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()))
    server.kill(signal)
    if (signal === 'SIGKILL' || signal === 'SIGTERM') await ended
  }

  /** Runs `rabbitmqctl`; throws what it says when it does not succeed. */
  async control(...args: readonly string[]): Promise<string> {
    const { env } = this.#place
    const ctl = join(scripts, 'rabbitmqctl')
    const result = await runCommand(ctl, ['--quiet', ...args], { env, timeoutMs: startTimeoutMs })
    const { code, stdout, stderr } = result
    if (code !== 0) throw new Error(`rabbitmqctl ${args.join(' ')}: ${lastLines(stdout + stderr)}`)
    return stdout
  }

  /** As when memory runs out: publishers are blocked until `unblock`. */
  async block(): Promise<void> {
    await this.control('set_vm_memory_high_watermark', '0.0000001')
  }

  async unblock(): Promise<void> {
    await this.control('set_vm_memory_high_watermark', 'absolute', '256MB')
  }

  async stop(): Promise<void> {
    await this.kill('SIGKILL')
    this.#epmd?.kill('SIGKILL')
    rmSync(this.#place.folder, { recursive: true, force: true })
  }

  #spawn(program: string, args: readonly string[]): ChildProcess {
    const { folder, env } = this.#place
    const log = openSync(join(folder, 'server.log'), 'a')
    const stdio = ['ignore', log, log] as const
    const child = spawn(program, args, { stdio: [...stdio], env: { ...process.env, ...env } })
    closeSync(log)
    // There is no such program: that it does not answer says so too.
    child.on('error', () => {})
    const { pid } = child
    if (pid !== undefined) {
      const end = guardProcess(pid)
      child.once('exit', end)
    }
    return child
  }

  #complaint(): string {
    return lastLines(readFileSync(join(this.#place.folder, 'server.log'), 'utf8'), 20)
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null
}

/** Whether a server of AMQP answers: that the port is open does not say so. */
function isAnswering(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host)
    const over = new AbortController()
    void clock.sleep(answerMs, over.signal).then(() => finish(false))
    const finish = (answering: boolean) => {
      over.abort()
      socket.destroy()
      resolve(answering)
    }
    socket.on('error', () => finish(false))
    socket.on('close', () => finish(false))
    socket.on('connect', () => socket.write('AMQP\0\0\x09\x01'))
    // Connection.Start on channel 0.
    socket.on('data', (data) => finish(data[0] === 1))
  })
}
