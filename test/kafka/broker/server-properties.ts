import type { BrokerOptions, Certificates, ListenerOptions } from './test-broker.ts'

/** Always the same: the data of a broker can be used again by its successor. */
export const clusterId = 'bWlsbHJhY2UtdGVzdHMtMQ'

/** Where a broker lives: the same for the process on this machine and the one in a container. */
export interface BrokerPlace {
  /** The interface to listen at, of the machine or container that the broker is in. */
  readonly bind: string
  /** Where clients on this machine find the broker: an address, or a name. */
  readonly host: string
  /** By listener, with DIRECT and CONTROLLER. */
  readonly ports: Readonly<Record<string, number>>
  readonly dataFolder: string
  /** As the broker sees them; null when no listener uses TLS. */
  readonly certificates: Certificates | null
}

/** All listeners for clients, DIRECT first. */
export function clientListeners(options: BrokerOptions): Readonly<Record<string, ListenerOptions>> {
  return { DIRECT: { security: 'PLAINTEXT' }, ...options.listeners }
}

export function usesTls(options: BrokerOptions): boolean {
  return Object.values(clientListeners(options)).some(({ security }) => security.endsWith('SSL'))
}

/** The settings of a node, as the text of server.properties. */
export function serverProperties(options: BrokerOptions, place: BrokerPlace): string {
  const listeners = clientListeners(options)
  const names = Object.keys(listeners)
  const { id, controllerPorts } = options.node ?? {
    id: 1,
    controllerPorts: [place.ports['CONTROLLER']!],
  }
  const voters = controllerPorts.map((port, index) => `${index + 1}@127.0.0.1:${port}`)
  const nodes = voters.length
  const copies = String(nodes)
  /** So that one of three may be away. */
  const copiesInSync = nodes === 1 ? '1' : '2'
  const properties: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': String(id),
    'controller.quorum.voters': voters.join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'DIRECT',
    listeners: [
      ...names.map((name) => `${name}://${place.bind}:${place.ports[name]}`),
      `CONTROLLER://127.0.0.1:${place.ports['CONTROLLER']}`,
    ].join(','),
    'advertised.listeners': Object.entries(listeners)
      .map(([name, { advertisedPort }]) =>
        advertisedPort === undefined
          ? `${name}://${place.host}:${place.ports[name]}`
          : `${name}://127.0.0.1:${advertisedPort}`,
      )
      .join(','),
    'listener.security.protocol.map': [
      ...Object.entries(listeners).map(([name, { security }]) => `${name}:${security}`),
      'CONTROLLER:PLAINTEXT',
    ].join(','),
    'log.dirs': place.dataFolder,
    // Each node has a copy of everything.
    'default.replication.factor': copies,
    'min.insync.replicas': copiesInSync,
    'offsets.topic.replication.factor': copies,
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.min.isr': copiesInSync,
    'share.coordinator.state.topic.replication.factor': copies,
    'share.coordinator.state.topic.min.isr': copiesInSync,
    // Few partitions of the internal topics, so that the first use of a group or transaction is quick.
    'offsets.topic.num.partitions': '8',
    'transaction.state.log.num.partitions': '8',
    // No waiting where a production cluster waits for more members, and ends of transactions in time.
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '1000',
    // How long a broker that was killed and started again waits for its own registration to lapse; and how
    // long one may be kept from saying that it is alive, on a machine with more to do than it can.
    'broker.session.timeout.ms': options.own === true ? '4000' : '9000',
    'broker.heartbeat.interval.ms': '500',
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': '1000',
    'auto.create.topics.enable': 'false',
    // Records of tests have times of long ago. Brokers look for outdated ones 30 s after their start and then
    // every 5 min: whatever test is at work then would miss them.
    'log.initial.task.delay.ms': '3600000',
    ...tlsProperties(options, place.certificates),
    ...saslProperties(options),
    ...(options.acls === true
      ? {
          'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
          'super.users': 'User:ANONYMOUS',
        }
      : {}),
    ...options.properties,
  }
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${escaped(value)}\n`)
    .join('')
}

/** Java reads such files as Latin-1. */
function escaped(value: string): string {
  return value
    .replaceAll('\\', '\\\\')
    .replaceAll(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function tlsProperties(
  options: BrokerOptions,
  certificates: Certificates | null,
): Record<string, string> {
  if (certificates === null) return {}
  const needingCertificate = Object.entries(clientListeners(options))
    .filter(([, { clientCertificate }]) => clientCertificate === 'required')
    .map(([name]) => [`listener.name.${name.toLowerCase()}.ssl.client.auth`, 'required'])
  return {
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': certificates.serverIdentity,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': certificates.ca,
    ...Object.fromEntries(needingCertificate),
  }
}

const mechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']

function saslProperties(options: BrokerOptions): Record<string, string> {
  const names = Object.entries(clientListeners(options))
    .filter(([, { security }]) => security.startsWith('SASL'))
    .map(([name]) => name.toLowerCase())
  if (names.length === 0) return {}
  const users = options.users ?? []
  for (const { name, password } of users) {
    // What the logins and the StorageTool could not both be told: they quote in different ways.
    if (/["\\,]/.test(name + password))
      throw new Error(`user ${name}: no quotes, commas, backslashes`)
  }
  const logins = users.map(({ name, password }) => `user_${name}="${password}"`)
  const security = 'org.apache.kafka.common.security'
  const scram = `${security}.scram.ScramLoginModule required;`
  const plain = [`${security}.plain.PlainLoginModule required`, ...logins].join(' ') + ';'
  const perListener = names.flatMap((name) => [
    [`listener.name.${name}.sasl.enabled.mechanisms`, mechanisms.join(',')],
    [`listener.name.${name}.plain.sasl.jaas.config`, plain],
    [`listener.name.${name}.scram-sha-256.sasl.jaas.config`, scram],
    [`listener.name.${name}.scram-sha-512.sasl.jaas.config`, scram],
  ])
  return { 'sasl.enabled.mechanisms': mechanisms.join(','), ...Object.fromEntries(perListener) }
}
