import type { BrokerAddress, ConnectionOptions } from './broker-connection.ts'
import { formatAddress, parseAddress } from './connect-options.ts'
import type { NodeId } from './kafka-client.ts'
import { KafkaError } from './kafka-error.ts'
import { closed, Lane } from './lane.ts'
import type { ProtocolRequest } from './protocol-request.ts'

/** Connections kept for requests that want one for themselves; more only while more wait at a time. */
const maxIdleLanes = 8

export interface BrokerNode {
  readonly nodeId: NodeId
  readonly host: string
  readonly port: number
}

/** Requests on one lane are answered in order, one after the other. */
export type LaneName = 'control' | 'admin' | 'group' | `producer ${number}`

interface Place {
  readonly address: BrokerAddress
  readonly lanes: Map<LaneName, Lane>
  /** For one request at a time. */
  readonly idleLanes: Lane[]
  readonly busyLanes: Set<Lane>
}

/** The brokers of the cluster, as far as they are known, and the connections to them. */
export class Brokers {
  readonly #options: ConnectionOptions
  readonly #seeds: readonly BrokerAddress[]
  readonly #onLost: (address: string) => void
  readonly #places = new Map<string, Place>()
  #nodes: ReadonlyMap<NodeId, BrokerAddress> = new Map()
  #closed = false

  /** @param onLost told when a broker did not answer, or its connection was lost. */
  constructor(
    seeds: readonly string[],
    options: ConnectionOptions,
    onLost: (address: string) => void,
  ) {
    this.#options = options
    this.#onLost = onLost
    this.#seeds = seeds.map((seed) => this.#newAddress({ ...parseAddress(seed), seed: true }))
  }

  /** Takes over the cluster's own list of its brokers. */
  learn(nodes: readonly BrokerNode[]): void {
    const known = new Map<NodeId, BrokerAddress>()
    for (const { nodeId, host, port } of nodes) known.set(nodeId, this.at(host, port))
    this.#nodes = known
    const used = new Set([...known.values(), ...this.#seeds].map(({ address }) => address))
    for (const [address, place] of this.#places) {
      if (used.has(address)) continue
      closePlace(place)
      this.#places.delete(address)
    }
  }

  /** The broker at an address that the cluster gave. */
  at(host: string, port: number): BrokerAddress {
    const name = formatAddress(host, port)
    const seed = this.#seeds.find(({ address }) => address === name)
    return seed ?? this.#places.get(name)?.address ?? this.#newAddress({ host, port, seed: false })
  }

  node(id: NodeId): BrokerAddress | null {
    return this.#nodes.get(id) ?? null
  }

  async send<Answer>(
    to: BrokerAddress,
    lane: LaneName,
    request: ProtocolRequest<Answer>,
  ): Promise<Answer> {
    const { lanes } = this.#place(to)
    let found = lanes.get(lane)
    if (found === undefined) {
      found = new Lane(to, this.#options)
      lanes.set(lane, found)
    }
    return this.#watched(to, found.send(request))
  }

  /**
   * To any broker, to the next one where one cannot be reached. A connection may turn out to be dead
   * only when it is used: what may be repeated is sent a second time.
   */
  async sendToAny<Answer>(request: ProtocolRequest<Answer>): Promise<Answer> {
    const candidates = this.#candidates()
    const errors = new Map<BrokerAddress, KafkaError>()
    for (const address of request.repeatable ? [...candidates, ...candidates] : candidates) {
      const before = errors.get(address)
      // One that is silent takes long to be so, and is so again.
      if (before?.kind === 'config' || before?.code === 'TIMEOUT') continue
      try {
        return await this.send(address, 'control', request)
      } catch (error) {
        if (!(error instanceof KafkaError) || !mayTryNext(error)) throw error
        errors.set(address, error)
      }
    }
    throw unreachable([...errors.values()])
  }

  /** On a connection that no other request uses meanwhile: it may wait at the broker. */
  sendAlone<Answer>(to: BrokerAddress, request: ProtocolRequest<Answer>): Promise<Answer> {
    const { idleLanes, busyLanes } = this.#place(to)
    const lane = idleLanes.pop() ?? new Lane(to, this.#options)
    busyLanes.add(lane)
    return this.#watched(to, lane.send(request)).finally(() => {
      busyLanes.delete(lane)
      if (idleLanes.length < maxIdleLanes) idleLanes.push(lane)
      else lane.close()
    })
  }

  close(): void {
    this.#closed = true
    for (const place of this.#places.values()) closePlace(place)
    this.#places.clear()
  }

  #newAddress({ host, port, seed }: { host: string; port: number; seed: boolean }): BrokerAddress {
    return {
      host,
      port,
      address: formatAddress(host, port),
      advertised: !seed,
      proven: false,
      tls: this.#options.tls !== null,
      sasl: this.#options.sasl !== null,
      name: this.#options.name,
    }
  }

  #place(to: BrokerAddress): Place {
    if (this.#closed) throw closed()
    let place = this.#places.get(to.address)
    if (place === undefined) {
      place = { address: to, lanes: new Map(), idleLanes: [], busyLanes: new Set() }
      this.#places.set(to.address, place)
    }
    return place
  }

  /** Those with a connection first, then the other brokers, then the addresses of the settings. */
  #candidates(): readonly BrokerAddress[] {
    const nodes = [...this.#nodes.values()]
    const connected = nodes.filter(
      ({ address }) => this.#places.get(address)?.lanes.get('control')?.isOpen === true,
    )
    return [...new Set([...connected, ...nodes, ...this.#seeds])]
  }

  #watched<Answer>(to: BrokerAddress, answer: Promise<Answer>): Promise<Answer> {
    return answer.catch((error: unknown) => {
      if (error instanceof KafkaError && saysUnreachable(error)) this.#onLost(to.address)
      throw error
    })
  }
}

function closePlace({ lanes, idleLanes, busyLanes }: Place): void {
  for (const lane of [...lanes.values(), ...idleLanes, ...busyLanes]) lane.close()
}

function saysUnreachable({ code }: KafkaError): boolean {
  return code === 'CONNECTION' || code === 'TIMEOUT' || code === 'ADDRESS' || code === 'TLS'
}

/** Whether another broker can be asked: this one was not reached, or the request was only a question. */
function mayTryNext(error: KafkaError): boolean {
  return saysUnreachable(error) && error.kind !== 'indefinite'
}

function unreachable(errors: readonly KafkaError[]): KafkaError {
  const [first, ...others] = errors
  if (first !== undefined && others.length === 0) return first
  const worth = errors.find(({ kind }) => kind === 'retriable') ?? first
  return new KafkaError(
    { code: worth?.code ?? 'CONNECTION', kind: worth?.kind ?? 'retriable' },
    `no Kafka broker can be reached: ${errors.map(({ message }) => message).join('; ')}`,
    { cause: worth },
  )
}
