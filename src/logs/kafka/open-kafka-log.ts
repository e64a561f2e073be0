import type { Clock, Random } from '../../core/clock.ts'
import type { KafkaConnection } from '../../core/kafka-connection.ts'
import type { Log } from '../../core/log.ts'
import { connectKafka } from './client/connect-kafka.ts'
import type { KafkaError } from './client/kafka-error.ts'
import { withFailpoints } from './failpoint.ts'
import { Fetcher } from './fetching/fetcher.ts'
import type { KafkaContext } from './kafka-context.ts'
import { KafkaLog } from './kafka-log.ts'
import { translated } from './pipeline-error.ts'
import { IdempotentProducer } from './producing/idempotent-producer.ts'
import { TopicLimits } from './producing/topic-limits.ts'
import { KafkaWorkGroup } from './sharing/kafka-work-group.ts'
import type { WorkerIdentity } from './sharing/worker-identity.ts'
import { DiskCaches } from './state/cache/disk-caches.ts'
import { TroubleNotice } from './trouble-notice.ts'

export interface KafkaLogOptions extends WorkerIdentity {
  readonly connection: KafkaConnection
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

/** @throws PipelineError LOG_REFUSED when the cluster cannot be reached or used as it is set up. */
export async function openKafkaLog(options: KafkaLogOptions): Promise<Log> {
  const { clock, random, notice, mask, connection } = options
  const connected = await translated('connecting to Kafka', () =>
    connectKafka({ ...connection, clientId, clock, notice, mask }),
  )
  const client = withFailpoints(connected, { clock, failpoint: options.failpoint })
  const limits = new TopicLimits(client, clock)
  const producing = { client, clock, random, limits, codec: 'none', timing: hasTiming } as const
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

/** Topics of Millrace's own, whose records nobody measures. */
function hasTiming(topic: string): boolean {
  return !topic.startsWith('_millrace.') && !/\.(?:changelog|control)$/.test(topic)
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
