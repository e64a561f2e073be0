import type { LogFinding } from '../../core/log.ts'
import { messageOf } from '../../core/errors.ts'
import type { KafkaClient, TopicMetadata } from './client/kafka-client.ts'
import type { KafkaContext } from './kafka-context.ts'
import { isKeptTopic } from './own-topics.ts'

/** What a task or the log keeps would be removed by another one. */
const neededCleanup = 'compact'
/** Records are stamped by the workers: retention and windows are as wrong as their clocks. */
const maxSkewMs = 1_000
const probeTopic = '_millrace.doctor'
const usPerMs = 1_000

/** Looks at a cluster as `millrace doctor` shows it; changes nothing. */
export async function examineCluster(context: KafkaContext): Promise<readonly LogFinding[]> {
  const { client } = context
  const seen = client.describeTopics(null)
  // Its failure is told by those that look at it.
  seen.catch(() => {})
  return [
    await finding('version', () => version(context)),
    await finding('clock', () => clockDifference(context)),
    await finding('rights', async () => rights(client, await seen)),
    await finding('topics', async () => topicSettings(client, await seen)),
  ]
}

type Verdict = Omit<LogFinding, 'name'>

async function finding(name: string, look: () => Promise<Verdict>): Promise<LogFinding> {
  try {
    return { name, ...(await look()) }
  } catch (error) {
    return { name, status: 'wrong', text: messageOf(error) }
  }
}

async function version({ client }: KafkaContext): Promise<Verdict> {
  const missing = await client.unknownRequests()
  const text = (await client.isKafka4()) ? 'Kafka 4.0 or newer' : 'older than Kafka 4.0'
  if (missing.length === 0)
    return { status: 'ok', text: `${text}; it knows all requests that Millrace sends` }
  const unknown = `it does not know ${missing.join(', ')}; use Kafka 2.5 or newer`
  return { status: 'wrong', text: `${text}; ${unknown}` }
}

async function clockDifference({ client, clock }: KafkaContext): Promise<Verdict> {
  const startUs = clock.monotonicUs()
  let timeMs: number | null
  try {
    timeMs = await client.controllerTimeMs()
  } catch (error) {
    return { status: 'warning', text: `its time is not known: ${messageOf(error)}` }
  }
  if (timeMs === null) return { status: 'warning', text: 'the cluster does not tell its time' }
  const tookMs = (clock.monotonicUs() - startUs) / usPerMs
  // The answer was made somewhere between the two.
  const aheadMs = Math.round(timeMs - (clock.wallMs() - tookMs / 2))
  const exactMs = Math.max(1, Math.ceil(tookMs / 2))
  const text = `the cluster is ${Math.abs(aheadMs)} ms ${aheadMs < 0 ? 'behind' : 'ahead of'} this machine (within ${exactMs} ms)`
  if (Math.abs(aheadMs) - exactMs <= maxSkewMs) return { status: 'ok', text }
  return {
    status: 'warning',
    text: `${text}; set both clocks by one source: times of records, windows and retention depend on them`,
  }
}

async function rights(client: KafkaClient, seen: readonly TopicMetadata[]): Promise<Verdict> {
  const topic = { name: probeTopic, partitions: 1, replication: -1, config: {} }
  try {
    await client.createTopics([topic], { validateOnly: true })
  } catch (error) {
    const text = `${seen.length} topics can be seen, and none can be created (${messageOf(error)}); where all topics exist, run with --no-create-topics`
    return { status: 'warning', text }
  }
  return { status: 'ok', text: `${seen.length} topics can be seen, and topics can be created` }
}

async function topicSettings(
  client: KafkaClient,
  seen: readonly TopicMetadata[],
): Promise<Verdict> {
  const own = seen.filter(({ name }) => isKeptTopic(name))
  const configs = await client.describeConfigs(own.map(({ name }) => name))
  const problems = own.flatMap((topic) => problemsOf(topic, configs.get(topic.name)))
  if (problems.length > 0) return { status: 'wrong', text: problems.join('; ') }
  const count = own.length === 1 ? 'one topic' : `${own.length} topics`
  return {
    status: 'ok',
    text: `${count} with state or the engine's own records, all as they must be`,
  }
}

function problemsOf(
  { name, replication, leaders }: TopicMetadata,
  config: ReadonlyMap<string, string> | undefined,
): string[] {
  const cleanup = config?.get('cleanup.policy') ?? 'delete'
  const inSync = Number(config?.get('min.insync.replicas') ?? 1)
  const leaderless = leaders.flatMap((leader, partition) => (leader === null ? [partition] : []))
  return [
    cleanup === neededCleanup
      ? null
      : `the topic ${name} has cleanup.policy=${cleanup}, which removes what is needed: set it to ${neededCleanup}`,
    inSync <= replication
      ? null
      : `the topic ${name} has ${replication} replicas and min.insync.replicas=${inSync}, so that nothing can be written: lower it`,
    leaderless.length === 0
      ? null
      : `the topic ${name} has no leader for its partitions ${leaderless.join(', ')}: start their brokers`,
  ].filter((problem) => problem !== null)
}
