/**
 * What an error of the broker or the connection means for the caller:
 * - `retriable`: it was not done; the same request may be sent again;
 * - `abortable`: it was not done, and the transaction has to be aborted;
 * - `fenced`: another producer or member has taken over; nothing more may be written;
 * - `indefinite`: it may have been done or not;
 * - `rebalance`: the group is being reassigned: join again;
 * - `config`: it will fail again until somebody changes the set-up (authorisation, names, limits);
 * - `fatal`: anything else.
 */
export type KafkaErrorKind =
  | 'retriable'
  | 'abortable'
  | 'fenced'
  | 'indefinite'
  | 'rebalance'
  | 'config'
  | 'fatal'

/**
 * `code` is the protocol's own name, such as NOT_LEADER_OR_FOLLOWER (error-codes.ts has them all), or
 * one of ours:
 * - CONNECTION: no connection to the broker, or it was lost;
 * - TIMEOUT: no answer in time;
 * - ADDRESS: a broker's address cannot be used: bad, or an unknown host name;
 * - TLS: the certificates of the two sides do not fit;
 * - OPTIONS: options that cannot be used;
 * - BAD_ANSWER: the answer is not what the protocol says, or larger than the limit;
 * - CLOSED: the client has been closed.
 */
export class KafkaError extends Error {
  readonly code: string
  readonly kind: KafkaErrorKind
  /** MEMBER_ID_REQUIRED: the id to join with. */
  readonly memberId: string | null
  /** MESSAGE_TOO_LARGE: the topic that does not take a record; null where that is not known. */
  readonly topic: string | null

  constructor(
    what: { code: string; kind: KafkaErrorKind; memberId?: string; topic?: string },
    message: string,
    options: { cause?: unknown } = {},
  ) {
    super(`${message} (${what.code})`, options)
    this.name = 'KafkaError'
    this.code = what.code
    this.kind = what.kind
    this.memberId = what.memberId ?? null
    this.topic = what.topic ?? null
  }
}
