/** The security protocols of Kafka, by its own names. */
export type Security = 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL'

export interface ListenerOptions {
  readonly security: Security
  /** SSL and SASL_SSL: refuse clients that have no certificate of the broker's CA. */
  readonly clientCertificate?: 'required'
  /** The port that the broker tells its clients to use, when it is not its own: that of a proxy. */
  readonly advertisedPort?: number
}

/** A user of the SASL listeners, by PLAIN and by SCRAM-SHA-256 and -512. */
export interface BrokerUser {
  readonly name: string
  readonly password: string
}

export interface BrokerOptions {
  /** Listeners besides DIRECT, which is always there, in plain text: by name, in capitals. */
  readonly listeners?: Readonly<Record<string, ListenerOptions>>
  readonly users?: readonly BrokerUser[]
  /**
   * Whether users may do only what an ACL allows (StandardAuthorizer). Who does not say who he is, as
   * through DIRECT, is User:ANONYMOUS and may do everything.
   */
  readonly acls?: boolean
  /** Further lines of server.properties; they win over the ones of `server-properties.ts`. */
  readonly properties?: Readonly<Record<string, string>>
  /** Whether the test stops, kills or restarts the broker, so that nobody else can use it. */
  readonly own?: boolean
  /** The port of DIRECT; a free one when left out. */
  readonly port?: number
  /** A folder that keeps the data of the broker after its end; a temporary one when left out. */
  readonly dataFolder?: string
  /** Its place in a cluster of several; see `java-cluster.ts`. Left out: it is one of its own. */
  readonly node?: ClusterNode
}

export interface ClusterNode {
  /** From 1 on. */
  readonly id: number
  /** Of all nodes, by their ids: each of them is a controller too. */
  readonly controllerPorts: readonly number[]
}

export type BrokerSignal = 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'

/** Files in PEM format, as paths. The certificates are for 127.0.0.1 and localhost. */
export interface Certificates {
  readonly ca: string
  /** A CA that signed none of these. */
  readonly otherCa: string
  /** Key and certificate in one file, as Kafka wants them. */
  readonly serverIdentity: string
  /** For CN=client. */
  readonly clientCertificate: string
  readonly clientKey: string
}

export interface TestBroker {
  /** `host:port` of the listener DIRECT, in plain text. */
  readonly address: string
  /** `host:port` where each listener is bound, by name; for clients that is not the advertised port. */
  readonly addresses: Readonly<Record<string, string>>
  /** How it was started, for messages: a cluster that was there, Docker, Java. */
  readonly way: string
  /** When a listener uses TLS. */
  readonly certificates: Certificates | null
  /** Signals the process. After SIGKILL and SIGTERM it resolves once the process has ended. */
  kill(signal: BrokerSignal): Promise<void>
  /** Ends the process, if it is still there, and starts it again: same ports, same data. */
  restart(): Promise<void>
  /** Ends it and removes its files, but for a `dataFolder` that was given. Again: nothing happens. */
  stop(): Promise<void>
}

/** Why one of the ways to get a broker cannot be used here. */
export class NoBrokerError extends Error {
  override readonly name = 'NoBrokerError'
  /** It seems to be there, and yet does not work: worth a line even if the next way does. */
  readonly isSurprising: boolean

  constructor(message: string, { isSurprising = false } = {}) {
    super(message)
    this.isSurprising = isSurprising
  }
}
