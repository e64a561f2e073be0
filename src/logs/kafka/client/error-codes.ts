import { KafkaError, type KafkaErrorKind } from './kafka-error.ts'

type Row = readonly [code: number, kind: KafkaErrorKind, meaning: string]

/**
 * The errors that a broker may answer with. Where a code means different things to different requests
 * the kind is the more careful one: `indefinite` before `retriable`, `fatal` before `abortable`.
 */
const errors = {
  UNKNOWN_SERVER_ERROR: [-1, 'indefinite', 'the broker had an error; its log says which'],
  OFFSET_OUT_OF_RANGE: [1, 'fatal', 'the partition does not hold this offset (any more)'],
  CORRUPT_MESSAGE: [2, 'fatal', 'a record batch does not fit its checksum'],
  UNKNOWN_TOPIC_OR_PARTITION: [3, 'retriable', 'the broker does not know the topic or partition'],
  INVALID_FETCH_SIZE: [4, 'fatal', 'the fetch size is not valid'],
  LEADER_NOT_AVAILABLE: [5, 'retriable', 'the partition has no leader at the moment'],
  NOT_LEADER_OR_FOLLOWER: [6, 'retriable', 'another broker leads the partition now'],
  REQUEST_TIMED_OUT: [7, 'indefinite', 'the broker gave up waiting'],
  BROKER_NOT_AVAILABLE: [8, 'retriable', 'the broker is not available'],
  REPLICA_NOT_AVAILABLE: [9, 'retriable', 'the replica is not available'],
  MESSAGE_TOO_LARGE: [
    10,
    'config',
    'the record batch is larger than the topic takes: raise its `max.message.bytes`',
  ],
  STALE_CONTROLLER_EPOCH: [11, 'retriable', 'the controller has changed'],
  OFFSET_METADATA_TOO_LARGE: [12, 'config', 'the metadata of the offset is too large'],
  NETWORK_EXCEPTION: [13, 'indefinite', 'the broker lost a connection of its own'],
  COORDINATOR_LOAD_IN_PROGRESS: [14, 'retriable', 'the coordinator is still loading'],
  COORDINATOR_NOT_AVAILABLE: [15, 'retriable', 'there is no coordinator at the moment'],
  NOT_COORDINATOR: [16, 'retriable', 'another broker is the coordinator now'],
  INVALID_TOPIC_EXCEPTION: [17, 'config', 'Kafka does not take this as a topic name'],
  RECORD_LIST_TOO_LARGE: [
    18,
    'config',
    'the record batch is larger than a segment of the topic: raise its `segment.bytes`',
  ],
  NOT_ENOUGH_REPLICAS: [
    19,
    'retriable',
    'fewer replicas are in sync than `min.insync.replicas` asks for',
  ],
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: [20, 'indefinite', 'too few replicas took it over'],
  INVALID_REQUIRED_ACKS: [21, 'fatal', 'the acknowledgement asked for is not valid'],
  ILLEGAL_GENERATION: [22, 'rebalance', 'the group has been reassigned'],
  INCONSISTENT_GROUP_PROTOCOL: [
    23,
    'config',
    'the other members of the group share out partitions by another protocol: another program uses this group',
  ],
  INVALID_GROUP_ID: [24, 'config', 'Kafka does not take this as the name of a group'],
  UNKNOWN_MEMBER_ID: [25, 'rebalance', 'the group does not know this member any more'],
  INVALID_SESSION_TIMEOUT: [
    26,
    'config',
    'the session timeout is outside of what the broker allows (`group.min.session.timeout.ms`, `group.max.session.timeout.ms`)',
  ],
  REBALANCE_IN_PROGRESS: [27, 'rebalance', 'the group is being reassigned'],
  INVALID_COMMIT_OFFSET_SIZE: [28, 'config', 'too many offsets at once'],
  TOPIC_AUTHORIZATION_FAILED: [
    29,
    'config',
    'the user may not do this with the topic: grant it by an ACL',
  ],
  GROUP_AUTHORIZATION_FAILED: [
    30,
    'config',
    'the user may not do this with the group: grant it by an ACL',
  ],
  CLUSTER_AUTHORIZATION_FAILED: [
    31,
    'config',
    'the user may not do this on the cluster: grant it by an ACL',
  ],
  INVALID_TIMESTAMP: [32, 'config', 'the topic does not take this time stamp'],
  UNSUPPORTED_SASL_MECHANISM: [33, 'config', 'the broker does not offer this SASL mechanism'],
  ILLEGAL_SASL_STATE: [34, 'config', 'the listener does not use SASL'],
  UNSUPPORTED_VERSION: [35, 'config', 'the broker is too old or too new for this request'],
  TOPIC_ALREADY_EXISTS: [36, 'config', 'the topic exists already'],
  INVALID_PARTITIONS: [37, 'config', 'the number of partitions is not possible'],
  INVALID_REPLICATION_FACTOR: [
    38,
    'config',
    'the replication is not possible: it cannot be larger than the number of brokers',
  ],
  INVALID_REPLICA_ASSIGNMENT: [39, 'config', 'the placement of the replicas is not possible'],
  INVALID_CONFIG: [40, 'config', 'a setting of the topic is not valid'],
  NOT_CONTROLLER: [41, 'retriable', 'another broker is the controller now'],
  INVALID_REQUEST: [42, 'fatal', 'the broker does not understand the request'],
  UNSUPPORTED_FOR_MESSAGE_FORMAT: [43, 'config', "the topic's record format is too old"],
  POLICY_VIOLATION: [44, 'config', 'a policy of the cluster forbids it'],
  OUT_OF_ORDER_SEQUENCE_NUMBER: [45, 'abortable', 'batches of the producer are missing'],
  DUPLICATE_SEQUENCE_NUMBER: [46, 'abortable', 'the batch was written before'],
  INVALID_PRODUCER_EPOCH: [47, 'fenced', 'a newer producer has taken over, or the time was up'],
  INVALID_TXN_STATE: [48, 'fatal', 'the transaction is in no state for this'],
  INVALID_PRODUCER_ID_MAPPING: [49, 'fenced', 'the producer id is no longer that of the producer'],
  INVALID_TRANSACTION_TIMEOUT: [
    50,
    'config',
    'the transaction timeout is longer than the broker allows (`transaction.max.timeout.ms`)',
  ],
  CONCURRENT_TRANSACTIONS: [51, 'retriable', 'the transaction before is still being completed'],
  TRANSACTION_COORDINATOR_FENCED: [52, 'retriable', 'another broker is the coordinator now'],
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: [
    53,
    'config',
    'the user may not use the transactional id: grant it by an ACL',
  ],
  SECURITY_DISABLED: [54, 'config', 'the broker has no authorizer'],
  OPERATION_NOT_ATTEMPTED: [55, 'retriable', 'another part of the request failed'],
  KAFKA_STORAGE_ERROR: [56, 'retriable', "a disk of the broker's failed"],
  LOG_DIR_NOT_FOUND: [57, 'fatal', 'the broker does not know the folder'],
  SASL_AUTHENTICATION_FAILED: [58, 'config', 'the broker refused the user or its password'],
  UNKNOWN_PRODUCER_ID: [59, 'abortable', 'the broker has forgotten the producer'],
  REASSIGNMENT_IN_PROGRESS: [60, 'retriable', 'the partition is being moved'],
  NON_EMPTY_GROUP: [68, 'config', 'the group has members: stop the workers that use it'],
  GROUP_ID_NOT_FOUND: [69, 'fatal', 'there is no such group'],
  FETCH_SESSION_ID_NOT_FOUND: [70, 'retriable', 'the broker has forgotten the fetch session'],
  INVALID_FETCH_SESSION_EPOCH: [71, 'retriable', 'the fetch session is another one'],
  LISTENER_NOT_FOUND: [72, 'retriable', 'the leader has no listener for us'],
  TOPIC_DELETION_DISABLED: [73, 'config', 'the cluster forbids it (`delete.topic.enable`)'],
  FENCED_LEADER_EPOCH: [74, 'retriable', 'another broker leads the partition now'],
  UNKNOWN_LEADER_EPOCH: [75, 'retriable', 'the broker does not know the newest leader yet'],
  UNSUPPORTED_COMPRESSION_TYPE: [76, 'config', 'the broker does not take this compression'],
  STALE_BROKER_EPOCH: [77, 'retriable', 'the broker has been restarted'],
  OFFSET_NOT_AVAILABLE: [78, 'retriable', 'the new leader does not know the end yet'],
  MEMBER_ID_REQUIRED: [79, 'rebalance', 'join with the id that the broker gives'],
  PREFERRED_LEADER_NOT_AVAILABLE: [80, 'retriable', 'the preferred leader is not available'],
  GROUP_MAX_SIZE_REACHED: [81, 'config', 'the group is full (`group.max.size`)'],
  FENCED_INSTANCE_ID: [82, 'fenced', 'another worker with this instance id has taken over'],
  ELIGIBLE_LEADERS_NOT_AVAILABLE: [83, 'retriable', 'no replica may lead the partition'],
  ELECTION_NOT_NEEDED: [84, 'fatal', 'the partition has a leader'],
  NO_REASSIGNMENT_IN_PROGRESS: [85, 'fatal', 'the partition is not being moved'],
  GROUP_SUBSCRIBED_TO_TOPIC: [86, 'config', 'the group reads the topic: stop its workers'],
  INVALID_RECORD: [87, 'config', 'the topic does not take such records'],
  UNSTABLE_OFFSET_COMMIT: [88, 'retriable', 'a transaction with the offsets is still open'],
  THROTTLING_QUOTA_EXCEEDED: [89, 'retriable', 'a quota of the cluster is used up'],
  PRODUCER_FENCED: [90, 'fenced', 'a newer producer with this transactional id has taken over'],
  RESOURCE_NOT_FOUND: [91, 'fatal', 'there is no such thing'],
  PRINCIPAL_DESERIALIZATION_FAILURE: [97, 'fatal', 'the user was not understood'],
  POSITION_OUT_OF_RANGE: [99, 'fatal', 'the position does not exist'],
  UNKNOWN_TOPIC_ID: [100, 'retriable', "the broker does not know the topic's id"],
  INCONSISTENT_TOPIC_ID: [103, 'retriable', 'the topic has been deleted and made again'],
  INCONSISTENT_CLUSTER_ID: [104, 'config', 'the broker belongs to another cluster'],
  TRANSACTIONAL_ID_NOT_FOUND: [105, 'fatal', 'there is no such transactional id'],
  FETCH_SESSION_TOPIC_ID_ERROR: [106, 'retriable', 'the fetch session is another one'],
  OFFSET_MOVED_TO_TIERED_STORAGE: [109, 'retriable', 'the records lie in tiered storage'],
  FENCED_MEMBER_EPOCH: [110, 'rebalance', 'the group does not know this member any more'],
  UNRELEASED_INSTANCE_ID: [111, 'retriable', 'another worker still uses this instance id'],
  STALE_MEMBER_EPOCH: [113, 'rebalance', 'the group has been reassigned'],
  TRANSACTION_ABORTABLE: [120, 'abortable', 'the transaction has to be aborted'],
  REBOOTSTRAP_REQUIRED: [129, 'retriable', 'the broker belongs to another cluster now'],
} as const satisfies Record<string, Row>

export type BrokerErrorName = keyof typeof errors

const byCode: ReadonlyMap<number, ReturnType<typeof errorRow>> = new Map(
  Object.entries(errors).map(([name, [code, kind, meaning]]) => [code, { name, kind, meaning }]),
)

/** What kind of error a broker's code is; `fatal` for codes that are newer than this table. */
export function errorRow(code: number): { name: string; kind: KafkaErrorKind; meaning: string } {
  return (
    byCode.get(code) ?? { name: `ERROR_${code}`, kind: 'fatal', meaning: 'the broker refused it' }
  )
}

export interface BrokerAnswer {
  readonly code: number
  /** The request, with what it was about and the address: the beginning of the message. */
  readonly what: string
  /** The broker's own words, where it gives some. */
  readonly said?: string | null
  readonly memberId?: string
}

/** The error of an answer; null for code 0. */
export function answeredError({ code, what, said, memberId }: BrokerAnswer): KafkaError | null {
  if (code === 0) return null
  const { name, kind, meaning } = errorRow(code)
  const words = said === null || said === undefined || said === '' ? '' : ` ("${said}")`
  return new KafkaError(
    { code: name, kind, ...(memberId === undefined ? {} : { memberId }) },
    `${what}: ${meaning}${words}`,
  )
}

/** The most telling first: what ends the work, before what can be tried again. */
const severity: readonly KafkaErrorKind[] = [
  'fenced',
  'fatal',
  'config',
  'abortable',
  'indefinite',
  'rebalance',
  'retriable',
]

/** Of the errors of one answer, the one that decides what is to be done; null without errors. */
export function worstError(found: Iterable<KafkaError | null>): KafkaError | null {
  let worst: KafkaError | null = null
  for (const error of found) {
    if (error === null) continue
    if (worst === null || isWorse(error, worst)) worst = error
  }
  return worst
}

function isWorse(error: KafkaError, other: KafkaError): boolean {
  // Says only that another part failed, which then is the one to name.
  if (other.code === 'OPERATION_NOT_ATTEMPTED') return true
  return severity.indexOf(error.kind) < severity.indexOf(other.kind)
}

const leaderErrors: ReadonlySet<string> = new Set<BrokerErrorName>([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_OR_FOLLOWER',
  'REPLICA_NOT_AVAILABLE',
  'KAFKA_STORAGE_ERROR',
  'LISTENER_NOT_FOUND',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'UNKNOWN_TOPIC_ID',
])

/** Whether the partition's leader has to be looked up again. */
export function saysLeaderMoved(error: KafkaError | null): boolean {
  return error !== null && leaderErrors.has(error.code)
}

const coordinatorErrors: ReadonlySet<string> = new Set<BrokerErrorName>([
  'COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR',
  'TRANSACTION_COORDINATOR_FENCED',
])

/** Whether the coordinator has to be looked up again. */
export function saysCoordinatorMoved(error: KafkaError | null): boolean {
  return error !== null && coordinatorErrors.has(error.code)
}
