import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { ContainerRuntimeClient, StartedTestContainer } from 'testcontainers'
import { untilAnswering } from './answering.ts'
import { makeCertificates } from './certificates.ts'
import { complaint, formatCommand, javaEnvironment, serverCommand } from './java-command.ts'
import { kafkaVersion } from './kafka-jars.ts'
import { choosePorts, listenerAddresses } from './ports.ts'
import { clientListeners, serverProperties, usesTls } from './server-properties.ts'
import {
  type BrokerOptions,
  type BrokerSignal,
  type Certificates,
  NoBrokerError,
  type TestBroker,
} from './test-broker.ts'

const startTimeoutMs = 90_000

/** Where things are in the container: the jars as in Apache's image, the rest where we put it. */
const inContainer = {
  classPath: '/opt/kafka/libs/*',
  propertiesFile: '/tmp/millrace/server.properties',
  tlsFolder: '/tmp/millrace/tls',
  temporaryData: '/tmp/millrace-data',
  keptData: '/var/lib/millrace-kafka',
}

/**
 * Starts Kafka in a container. Any image will do that has `java` in its path and Kafka's jars in
 * /opt/kafka/libs: MILLRACE_KAFKA_IMAGE, or Apache's own.
 */
export async function startContainerBroker(options: BrokerOptions): Promise<TestBroker> {
  const { getContainerRuntimeClient } = await import('testcontainers')
  const client = await getContainerRuntimeClient().catch(() => null)
  if (client === null) throw new NoBrokerError('no Docker daemon answers')
  const image = await availableImage(client)
  // Not always this machine: the tests may run in a container that has the daemon's socket.
  const { host } = client.info.containerRuntime
  const ports = await choosePorts(Object.keys(clientListeners(options)), options.port)
  const folder = mkdtempSync(join(tmpdir(), 'millrace-kafka-'))
  try {
    const certificates = usesTls(options) ? await makeCertificates(folder, host) : null
    const container = await startContainer({ options, image, host, ports, certificates })
    const broker = new ContainerBroker({ container, client, folder, ports, certificates, options })
    await broker.untilAnswering()
    return broker
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

async function availableImage(client: ContainerRuntimeClient): Promise<string> {
  const { ImageName } = await import('testcontainers')
  const name = process.env['MILLRACE_KAFKA_IMAGE'] || `apache/kafka:${kafkaVersion}`
  const image = ImageName.fromString(name)
  if (!(await client.image.exists(image))) {
    await client.image.pull(image).catch((error: unknown) => {
      throw new NoBrokerError(
        `the image ${name} is not here and cannot be pulled: ${String(error)}`,
        { isSurprising: true },
      )
    })
  }
  return name
}

interface ContainerParts {
  readonly options: BrokerOptions
  readonly image: string
  readonly host: string
  readonly ports: Readonly<Record<string, number>>
  readonly certificates: Certificates | null
}

async function startContainer(parts: ContainerParts): Promise<StartedTestContainer> {
  const { GenericContainer, Wait } = await import('testcontainers')
  const { options, image, certificates } = parts
  const { CONTROLLER: _, ...ports } = parts.ports
  const tlsFiles = Object.values(certificates ?? {}).map((path: string) => ({
    content: readFileSync(path, 'utf8'),
    target: `${inContainer.tlsFolder}/${basename(path)}`,
    mode: 0o644,
  }))
  const properties = {
    content: propertiesInContainer(parts),
    target: inContainer.propertiesFile,
    mode: 0o644,
  }
  const log: string[] = []
  const container = new GenericContainer(image)
    .withEnvironment(javaEnvironment)
    .withEntrypoint(['/bin/sh', '-c', startScript(options)])
    // The same port inside and outside: what the broker advertises, and what stays over a restart.
    .withExposedPorts(...Object.values(ports).map((port) => ({ container: port, host: port })))
    .withCopyContentToContainer([properties, ...tlsFiles])
    .withLogConsumer((stream) => stream.on('data', (text) => log.push(String(text))))
    .withWaitStrategy(Wait.forLogMessage('Kafka Server started'))
    .withStartupTimeout(startTimeoutMs)
  if (options.dataFolder !== undefined) {
    // Files in the folder are ours, as if the broker ran outside of the container.
    container
      .withBindMounts([{ source: options.dataFolder, target: inContainer.keptData, mode: 'rw' }])
      .withUser(`${process.getuid!()}:${process.getgid!()}`)
  }
  try {
    return await container.start()
  } catch (error) {
    const reason = `${String(error)}\n${complaint(log.join(''))}`
    throw new NoBrokerError(`the image ${image} did not start: ${reason}`, { isSurprising: true })
  }
}

function propertiesInContainer({ options, host, ports, certificates }: ContainerParts): string {
  const kept = options.dataFolder !== undefined
  const paths = Object.entries(certificates ?? {}).map(([name, path]: [string, string]) => [
    name,
    `${inContainer.tlsFolder}/${basename(path)}`,
  ])
  return serverProperties(options, {
    bind: '0.0.0.0',
    host,
    ports,
    dataFolder: kept ? inContainer.keptData : inContainer.temporaryData,
    certificates: certificates === null ? null : (Object.fromEntries(paths) as Certificates),
  })
}

/** It runs again at each start of the container. The broker takes the place of the shell. */
function startScript(options: BrokerOptions): string {
  const quoted = (args: readonly string[]) =>
    args.map((arg) => `'${arg.replaceAll("'", String.raw`'\''`)}'`).join(' ')
  const format = quoted(formatCommand(options, inContainer))
  return `java ${format} && exec java ${quoted(serverCommand(options, inContainer))}`
}

interface ContainerBrokerParts {
  readonly container: StartedTestContainer
  readonly client: ContainerRuntimeClient
  /** With the certificates. */
  readonly folder: string
  readonly ports: Readonly<Record<string, number>>
  readonly certificates: Certificates | null
  readonly options: BrokerOptions
}

class ContainerBroker implements TestBroker {
  readonly way: string
  readonly address: string
  readonly addresses: Readonly<Record<string, string>>
  readonly certificates: Certificates | null
  readonly #parts: ContainerBrokerParts
  #stopped = false

  constructor(parts: ContainerBrokerParts) {
    this.#parts = parts
    this.way = 'Docker'
    this.addresses = listenerAddresses(parts.container.getHost(), parts.ports)
    this.address = this.addresses['DIRECT']!
    this.certificates = parts.certificates
  }

  async untilAnswering(): Promise<void> {
    const options = { timeoutMs: startTimeoutMs, failed: () => null }
    await untilAnswering(this.address, options)
  }

  async kill(signal: BrokerSignal): Promise<void> {
    const docker = this.#docker()
    if (!(await docker.inspect()).State.Running) return
    await docker.kill({ signal })
    if (signal === 'SIGKILL' || signal === 'SIGTERM') await docker.wait()
  }

  async restart(): Promise<void> {
    await this.kill('SIGCONT')
    await this.kill('SIGTERM')
    await this.#docker().start()
    await this.untilAnswering()
  }

  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    const { container, folder, options } = this.#parts
    await this.kill('SIGCONT')
    await this.kill(options.dataFolder === undefined ? 'SIGKILL' : 'SIGTERM')
    await container.stop()
    rmSync(folder, { recursive: true, force: true })
  }

  #docker() {
    const { client, container } = this.#parts
    return client.container.getById(container.getId())
  }
}
