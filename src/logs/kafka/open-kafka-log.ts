import type { Clock, Random } from '../../core/clock.ts'
import type { KafkaConnection } from '../../core/kafka-connection.ts'
import type { Log } from '../../core/log.ts'
import { connectKafka } from './client/connect-kafka.ts'
import type { KafkaError } from './client/kafka-error.ts'
import { withFailpoints } from './failpoint.ts'
import { Fetcher } from './fetching/fetcher.ts'
import type { KafkaContext } from './kafka-context.ts'
import { KafkaLog } from './kafka-log.ts'
import { namingUser } from './naming-user.ts'
import { isOwnTopic } from './own-topics.ts'
import { translated } from './pipeline-error.ts'
import { IdempotentProducer } from './producing/idempotent-producer.ts'
import { TopicLimits } from './producing/topic-limits.ts'
import { KafkaWorkGroup } from './sharing/kafka-work-group.ts'
import type { WorkerIdentity } from './sharing/worker-identity.ts'
import { DiskCaches } from './state/cache/disk-caches.ts'
import { TroubleNotice } from './trouble-notice.ts'

export interface KafkaLogOptions extends WorkerIdentity {
  readonly connection: KafkaConnection
  /** How messages call a setting of the connection; as in pipeline files where it is left out. */
  readonly nameSetting?: (setting: string) => string
  readonly clock: Clock
  readonly random: Random
  readonly notice: (message: string) => void
  /** Replaces secrets in a text. */
  readonly mask: (text: string) => string
  /** For what can be made again from the cluster; absent: nothing is kept on this machine. */
  readonly directory?: string
  /** For tests: where the process is to be killed; see `failpoint.ts`. */
  readonly failpoint?: string | undefined
}

const clientId = 'millrace'
/** Nobody measures the records of Millrace's own topics. */
const isMeasured = (topic: string) => !isOwnTopic(topic)

/** @throws PipelineError LOG_REFUSED when the cluster cannot be reached or used as it is set up. */
export async function openKafkaLog(options: KafkaLogOptions): Promise<Log> {
  const { clock, random, notice, mask, connection } = options
  const { nameSetting = (setting) => `"${setting}"` } = options
  const connected = await translated('connecting to Kafka', () =>
    connectKafka({ ...connection, nameSetting, clientId, clock, notice, mask }),
  )
  const named = namingUser(connected, { connection, nameSetting })
  const client = withFailpoints(named, { clock, failpoint: options.failpoint })
  const limits = new TopicLimits(client, clock)
  const producing = { client, clock, random, limits, codec: 'none', timing: isMeasured } as const
  const fetching = { client, clock, random }
  const writing = new TroubleNotice({ clock, notice })
  const reading = new TroubleNotice({ clock, notice })
  const onTrouble = (error: KafkaError | null) => {
    if (error === null) writing.end('writing to Kafka goes on')
    else writing.begin(`writing to Kafka waits and tries again: ${error.message}`)
  }
  const closing = new AbortController()
  const context: KafkaContext = {
    ...producing,
    notice,
    onTrouble,
    fetcher: new Fetcher({ ...fetching, notice: fetcherNotice(reading) }),
    scanner: new Fetcher({ ...fetching, notice: fetcherNotice(reading) }),
    producer: new IdempotentProducer({ ...producing, onTrouble }),
    isStillOwner: (task) => group.confirm(task),
    closing: closing.signal,
    caches: options.directory === undefined ? null : new DiskCaches(options.directory),
  }
  const group = new KafkaWorkGroup(context, options)
  const close = () => {
    closing.abort()
    for (const trouble of [writing, reading]) trouble.close()
  }
  return new KafkaLog({ context, group, close })
}

/** A fetcher says in turn that it cannot read, and that it can again. */
function fetcherNotice(trouble: TroubleNotice): (message: string) => void {
  let isInTrouble = false
  return (message) => {
    isInTrouble = !isInTrouble
    if (isInTrouble) trouble.begin(message)
    else trouble.end(message)
  }
}
