/**
 * The internal modules of kafkajs 2.2.4 that this folder uses, with as much of their shapes as it
 * uses. They are no public interface: the version is pinned. A connection gets its socket by its own
 * option, and its request queue is exchanged on the instance; bounded-decoder.ts replaces the rest.
 */

declare module 'kafkajs/src/network/connection.js' {
  interface Options {
    readonly host: string
    readonly port: number
    readonly clientId: string
    readonly connectionTimeout: number
    readonly requestTimeout: number
    readonly logger: unknown
    readonly socketFactory: (options: { readonly onConnect: () => void }) => unknown
    /** Shared by nobody: kafkajs writes to it. */
    readonly sasl: { readonly mechanism: string; readonly authenticationProvider: unknown } | null
  }

  class Connection {
    constructor(options: Options)
    requestQueue: unknown
    connect(): Promise<unknown>
    disconnect(): Promise<unknown>
    isConnected(): boolean
    /** Logs in, and again before the session that the broker granted is over. */
    authenticate(): Promise<void>
    isAuthenticated(): boolean
    setVersions(versions: unknown): void
    setSupportAuthenticationProtocol(supported: boolean): void
    nextCorrelationId(): number
    /** How long before the end of its session it logs in again, ms. */
    reauthenticationThreshold: number
    /** ms; 0: for ever. */
    sessionLifetime: { toString(): string }
  }

  export = Connection
}

declare module 'kafkajs/src/protocol/decoder.js' {
  class Decoder {
    buffer: Buffer
    offset: number
    readInt16(): number
    readInt32(): number
    readString(): string | null
    readBytes(length?: number): Buffer | null
    readArray<T>(read: (decoder: Decoder) => T): T[]
    readArrayAsync<T>(read: (decoder: Decoder) => Promise<T> | T): Promise<T[]>
  }

  export = Decoder
}

declare module 'kafkajs/src/protocol/requests/index.js' {
  export interface Definition<Input, Answer> {
    readonly versions: readonly string[]
    protocol(choice: { readonly version: number }): (input: Input) => {
      readonly request: {
        readonly apiKey: number
        readonly apiVersion: number
        encode(): Promise<{ readonly buffer: Buffer }>
      }
      /** `parse`, which comes after, throws the first error found; codes are looked at here instead. */
      readonly response: { decode(payload: Buffer): Promise<Answer> }
    }
  }

  type OneCode = { readonly errorCode: number }
  type InTransaction = {
    readonly transactionalId: string
    readonly producerId: string
    readonly producerEpoch: number
  }
  type TopicErrors = {
    readonly topicErrors: readonly {
      readonly topic: string
      readonly errorCode: number
      readonly errorMessage?: string | null
    }[]
  }
  type InGroup = { readonly groupId: string; readonly memberId: string }
  type PartitionCodes = readonly { readonly partition: number; readonly errorCode: number }[]

  export interface Shapes {
    readonly ApiVersions: {
      input: undefined
      answer: OneCode & {
        readonly apiVersions: readonly {
          readonly apiKey: number
          readonly minVersion: number
          readonly maxVersion: number
        }[]
      }
    }
    readonly Metadata: {
      input: { readonly topics: readonly string[]; readonly allowAutoTopicCreation: boolean }
      answer: {
        readonly brokers: readonly {
          readonly nodeId: number
          readonly host: string
          readonly port: number
        }[]
        readonly controllerId: number
        readonly topicMetadata: readonly {
          readonly topicErrorCode: number
          readonly topic: string
          readonly partitionMetadata: readonly {
            readonly partitionErrorCode: number
            readonly partitionId: number
            readonly leader: number
            readonly replicas: readonly number[]
          }[]
        }[]
      }
    }
    readonly GroupCoordinator: {
      input: { readonly groupId: string; readonly coordinatorType: number }
      answer: OneCode & {
        readonly errorMessage: string | null
        readonly coordinator: {
          readonly nodeId: number
          readonly host: string
          readonly port: number
        }
      }
    }
    readonly ListOffsets: {
      input: {
        readonly isolationLevel: number
        readonly topics: readonly {
          readonly topic: string
          readonly partitions: readonly { readonly partition: number; readonly timestamp: string }[]
        }[]
      }
      answer: {
        readonly responses: readonly {
          readonly topic: string
          readonly partitions: readonly {
            readonly partition: number
            readonly errorCode: number
            readonly offset: string
          }[]
        }[]
      }
    }
    readonly InitProducerId: {
      input: { readonly transactionalId: string | null; readonly transactionTimeout: number }
      answer: OneCode & { readonly producerId: string; readonly producerEpoch: number }
    }
    readonly AddPartitionsToTxn: {
      input: InTransaction & {
        readonly topics: readonly {
          readonly topic: string
          readonly partitions: readonly number[]
        }[]
      }
      answer: {
        readonly errors: readonly {
          readonly topic: string
          readonly partitionErrors: PartitionCodes
        }[]
      }
    }
    readonly AddOffsetsToTxn: {
      input: InTransaction & { readonly groupId: string }
      answer: OneCode
    }
    readonly TxnOffsetCommit: {
      input: InTransaction & {
        readonly groupId: string
        readonly topics: readonly {
          readonly topic: string
          readonly partitions: readonly {
            readonly partition: number
            readonly offset: string
            readonly metadata: string | null
          }[]
        }[]
      }
      answer: {
        readonly topics: readonly { readonly topic: string; readonly partitions: PartitionCodes }[]
      }
    }
    readonly EndTxn: {
      input: InTransaction & { readonly transactionResult: boolean }
      answer: OneCode
    }
    readonly JoinGroup: {
      input: InGroup & {
        readonly groupInstanceId: string | null
        readonly sessionTimeout: number
        readonly rebalanceTimeout: number
        readonly protocolType: string
        readonly groupProtocols: readonly { readonly name: string; readonly metadata: Buffer }[]
      }
      answer: OneCode & {
        readonly generationId: number
        readonly leaderId: string
        readonly memberId: string
        readonly members: readonly {
          readonly memberId: string
          readonly groupInstanceId: string | null
          readonly memberMetadata: Buffer | null
        }[]
      }
    }
    readonly SyncGroup: {
      input: InGroup & {
        readonly generationId: number
        readonly groupInstanceId: string | null
        readonly groupAssignment: readonly {
          readonly memberId: string
          readonly memberAssignment: Buffer
        }[]
      }
      answer: OneCode & { readonly memberAssignment: Buffer | null }
    }
    readonly Heartbeat: {
      input: InGroup & {
        readonly groupGenerationId: number
        readonly groupInstanceId: string | null
      }
      answer: OneCode
    }
    readonly LeaveGroup: {
      input: InGroup & { readonly groupInstanceId: string | null }
      answer: OneCode & { readonly members?: readonly OneCode[] }
    }
    readonly CreateTopics: {
      input: {
        readonly topics: readonly {
          readonly topic: string
          readonly numPartitions: number
          readonly replicationFactor: number
          readonly configEntries: readonly { readonly name: string; readonly value: string }[]
        }[]
        readonly validateOnly: boolean
        readonly timeout: number
      }
      answer: TopicErrors
    }
    readonly DeleteTopics: {
      input: { readonly topics: readonly string[]; readonly timeout: number }
      answer: TopicErrors
    }
    readonly CreatePartitions: {
      input: {
        readonly topicPartitions: readonly { readonly topic: string; readonly count: number }[]
        readonly timeout: number
      }
      answer: TopicErrors
    }
    readonly DescribeConfigs: {
      input: { readonly resources: readonly { readonly type: number; readonly name: string }[] }
      answer: {
        readonly resources: readonly {
          readonly errorCode: number
          readonly errorMessage: string | null
          readonly resourceName: string
          readonly configEntries: readonly {
            readonly configName: string
            readonly configValue: string | null
            readonly configSource: number
          }[]
        }[]
      }
    }
    readonly DeleteRecords: {
      input: {
        readonly topics: readonly {
          readonly topic: string
          readonly partitions: readonly { readonly partition: number; readonly offset: string }[]
        }[]
        readonly timeout: number
      }
      answer: {
        readonly topics: readonly { readonly topic: string; readonly partitions: PartitionCodes }[]
      }
    }
    readonly DescribeGroups: {
      input: { readonly groupIds: readonly string[] }
      answer: {
        readonly groups: readonly {
          readonly errorCode: number
          readonly members: readonly {
            readonly memberId: string
            readonly clientHost: string
            readonly memberMetadata: Buffer | null
          }[]
        }[]
      }
    }
    readonly DeleteGroups: {
      input: readonly string[]
      answer: {
        readonly results: readonly { readonly groupId: string; readonly errorCode: number }[]
      }
    }
  }

  export const requests: {
    readonly [Name in keyof Shapes]: Definition<Shapes[Name]['input'], Shapes[Name]['answer']>
  }
}

declare module 'kafkajs/src/broker/saslAuthenticator/plain.js' {
  export = provider
  function provider(credentials: KafkaJsSaslCredentials): KafkaJsSaslProvider
}

declare module 'kafkajs/src/broker/saslAuthenticator/scram256.js' {
  export = provider
  function provider(credentials: KafkaJsSaslCredentials): KafkaJsSaslProvider
}

declare module 'kafkajs/src/broker/saslAuthenticator/scram512.js' {
  export = provider
  function provider(credentials: KafkaJsSaslCredentials): KafkaJsSaslProvider
}

interface KafkaJsSaslCredentials {
  readonly username: string
  readonly password: string
}

type KafkaJsSaslExchange = (message: unknown) => Promise<unknown>

type KafkaJsSaslProvider = (to: {
  readonly host: string
  readonly port: number
  readonly logger: unknown
  readonly saslAuthenticate: KafkaJsSaslExchange
}) => { authenticate(): Promise<void> }
