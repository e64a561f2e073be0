import { PipelineError } from '../core/errors.ts'
import type { JsonValue } from '../core/json.ts'
import type { Log, TaskSpec } from '../core/log.ts'
import { workersAtWork } from '../logs/log-rules.ts'
import { manifestOf, parseManifest, type Manifest } from '../topology/manifest.ts'
import { sinkMemory } from '../runtime/sink-writer.ts'
import { replayStateTopic } from './replay-log.ts'
import { taskId, type SinkOutput, type StageNode, type Topology } from '../topology/topology.ts'

/**
 * `run --fresh`: forgets the topics, positions and state of the pipelines, also those of stages that the
 * files no longer have, and takes back what their sinks are known to have written.
 * @throws PipelineError CONFIG_USAGE when another pipeline reads or writes one of the topics, or workers
 * of one of the pipelines are at work; nothing was changed then. CONFIG_FILE when a file cannot be removed.
 */
export async function resetPipelines(
  topologies: readonly Topology[],
  log: Log,
  notice: (message: string) => void,
): Promise<void> {
  const { admin } = log
  const own = await Promise.all(
    topologies.map(async (topology) => {
      const name = nameOf(topology)
      const stored = await admin.loadManifest(name)
      const before = stored === null ? null : ownManifest(name, stored, notice)
      const manifests = [manifestOf(topology), ...(before === null ? [] : [before])]
      return { name, topology, manifests }
    }),
  )
  const topics = [
    ...new Set(own.flatMap(({ manifests }) => manifests.flatMap(({ writes }) => writes))),
  ]
  const states = own.flatMap(({ name, manifests }) =>
    manifests.flatMap((manifest) => replayStates(name, manifest)),
  )
  const pipelines = own.map(({ name }) => name)
  await assertNobodyElse(topics, new Set(pipelines), { admin, notice })
  for (const name of pipelines) await assertNoWorkers(name, log)
  // Files go first: a crash in between leaves recorded lengths without their files, which is noticed.
  for (const topology of topologies) await resetSinks(topology, log, notice)
  const groups = own.flatMap(({ name, manifests }) =>
    manifests.flatMap((manifest) => groupsOf(name, manifest)),
  )
  const forgotten = [...new Set([...topics, ...states])]
  await admin.reset({ topics: forgotten, groups: [...new Set(groups)], pipelines })
  await Promise.all(
    own.map(({ name, topology }) =>
      admin.storeManifest(name, JSON.stringify(manifestOf(topology))),
    ),
  )
}

function nameOf({ prefix, pipeline }: Topology): string {
  return `${prefix}${pipeline}`
}

/** As the compiler names them, with those of the tasks that write dead letters back. */
function groupsOf(name: string, manifest: Manifest): string[] {
  const { nodes } = manifest
  return [...Object.keys(nodes).map((id) => `${name}.${id}`), ...replayGroups(name, manifest)]
}

function replayGroups(name: string, { nodes }: Manifest): string[] {
  const stages = new Set(Object.keys(nodes).map((id) => id.split('.', 1)[0]!))
  return [...stages].map((stage) => `${name}.${stage}.replay`)
}

/** Made by `dlq replay` on Kafka, where they are needed: no pipeline file tells of them. */
function replayStates(name: string, manifest: Manifest): string[] {
  return replayGroups(name, manifest).map(replayStateTopic)
}

async function assertNobodyElse(
  topics: readonly string[],
  own: ReadonlySet<string>,
  { admin, notice }: Pick<Log, 'admin'> & { readonly notice: (message: string) => void },
): Promise<void> {
  const others = (await admin.manifests()).filter((name) => !own.has(name))
  for (const other of others) {
    const manifest = await manifestOfOther(other, { admin, notice })
    if (manifest === null) continue
    const { reads, writes } = manifest
    const shared = topics.find((topic) => reads.includes(topic) || writes.includes(topic))
    if (shared === undefined) continue
    const does = reads.includes(shared) ? 'reads' : 'writes'
    throw new PipelineError(
      'CONFIG_USAGE',
      `--fresh would remove the topic "${shared}", which the pipeline "${other}" ${does} too; run both with ` +
        '--fresh in one command, or leave out --fresh',
    )
  }
}

/** null, and a word about it, where nobody can tell what the other pipeline reads. */
async function manifestOfOther(
  name: string,
  { admin, notice }: Pick<Log, 'admin'> & { readonly notice: (message: string) => void },
): Promise<Manifest | null> {
  try {
    const stored = await admin.loadManifest(name)
    return stored === null ? null : parseManifest(stored)
  } catch (error) {
    if (!isUnreadable(error)) throw error
    notice(
      `whether the pipeline "${name}" uses a topic that --fresh removes is not known: ${error.message}`,
    )
    return null
  }
}

/** null, and a word about it, where another version wrote it: only what the file says is forgotten then. */
function ownManifest(
  name: string,
  stored: string,
  notice: (message: string) => void,
): Manifest | null {
  try {
    return parseManifest(stored)
  } catch (error) {
    if (!isUnreadable(error)) throw error
    notice(
      `what the pipeline "${name}" wrote before is not known, and stays where its file no longer names it: ${error.message}`,
    )
    return null
  }
}

function isUnreadable(error: unknown): error is PipelineError {
  return (
    error instanceof PipelineError && (error.code === 'LOG_CORRUPT' || error.code === 'LOG_VERSION')
  )
}

async function assertNoWorkers(name: string, { admin }: Log): Promise<void> {
  const workers = (await admin.workers?.(name)) ?? []
  if (workers.length > 0) throw workersAtWork(name, workers)
}

async function resetSinks(
  topology: Topology,
  log: Log,
  notice: (message: string) => void,
): Promise<void> {
  for (const node of topology.nodes) {
    const { output, group, tasks } = node
    if (output?.kind !== 'sink') continue
    for (let index = 0; index < tasks; index++) {
      const id = taskId(topology, node, index)
      const memory = await memoryOf(log, { id, group, ...changelogOf(node, index) })
      await resetSink(output, memory, (reason) =>
        notice(`what the stage "${node.stage}" wrote before stays where it is: ${reason}`),
      )
    }
  }
}

/** What an older version remembers, and this one does not understand, is no reason not to begin again. */
async function resetSink(
  { definition, config }: SinkOutput,
  memory: JsonValue,
  left: (reason: string) => void,
): Promise<void> {
  try {
    await definition.reset(config, memory)
  } catch (error) {
    if (!(error instanceof PipelineError) || error.code !== 'LOG_VERSION') throw error
    const files = definition.files(config).join(', ')
    left(
      `an older version kept note of it in a way that is not understood; remove ${files} by hand`,
    )
  }
}

function changelogOf(
  { changelogTopic }: StageNode,
  partition: number,
): Pick<TaskSpec, 'changelog'> {
  return changelogTopic === null ? {} : { changelog: { topic: changelogTopic, partition } }
}

/** What is lost is no reason not to begin again. */
async function memoryOf(
  log: Log,
  task: Pick<TaskSpec, 'id' | 'group' | 'changelog'>,
): Promise<JsonValue> {
  try {
    const opened = await log.openTask({ ...task, inputs: [], start: 'earliest' })
    const memory = sinkMemory(await opened.restore())
    await opened.close()
    return memory
  } catch (error) {
    if (error instanceof PipelineError && error.code === 'LOG_POSITION_LOST') return null
    throw error
  }
}
