import { existsSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadTopologies } from '../../src/cli/load-topologies.ts'
import { resetPipelines as resetWith } from '../../src/cli/reset-pipelines.ts'
import type { Log } from '../../src/core/log.ts'
import { RecordBatchBuilder } from '../../src/core/record-batch-builder.ts'
import { emptyBytes } from '../../src/core/record-batch.ts'
import { MemoryLog } from '../../src/logs/memory-log.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'
import { manifestOf } from '../../src/topology/manifest.ts'
import type { Topology } from '../../src/topology/topology.ts'
import { aCliEnvironment } from './cli-environment.ts'
import { aFolder } from './temporary-folder.ts'

const copy = `pipeline: copy
namespace: ours
stages:
  - name: clean
    from: in
    to: clean
  - name: write
    from: clean
    sink:
      file:
        path: ./out.ndjson
`
const reader = 'pipeline: reader\nstages:\n  - name: read\n    from: clean\n    sink: drop\n'

function resetPipelines(topologies: readonly Topology[], log: Log): Promise<void> {
  return resetWith(topologies, log, () => {})
}

function topologyOf(text: string, folder = aFolder()): Topology {
  const path = aFolder({ 'a.yaml': text.replace('./out', `${folder}/out`) })
  return loadTopologies(['a.yaml'], aCliEnvironment({ cwd: path })).files[0]!.topology
}

async function aLog(...topologies: readonly Topology[]): Promise<Log> {
  const log = new MemoryLog({ clock: new VirtualClock(0) })
  for (const topology of topologies) {
    await log.admin.ensureTopics(topology.topics)
    await log.admin.storeManifest(
      `${topology.prefix}${topology.pipeline}`,
      JSON.stringify(manifestOf(topology)),
    )
  }
  return log
}

/** Writes a record to a topic, as a task of a group that then stands behind it. */
async function fill(log: Log, topic: string, group: string): Promise<void> {
  const task = await log.openTask({
    id: `${group}/0`,
    group,
    inputs: [{ topic: 'in', partition: 0 }],
    start: 'earliest',
  })
  const builder = new RecordBatchBuilder('')
  const times = { timestampMs: 0, eventTimeMs: 0, ingestUs: 0, waitUs: 0, runUs: 0 }
  builder.append({ key: null, value: '1', headers: emptyBytes, times })
  const state = [{ step: 's', key: 'k', value: 'v', dueMs: null }]
  await task.commit({
    outputs: [{ topic, partition: 0, batch: builder.finish() }],
    state,
    next: [],
  })
  await task.close()
}

/** As if the sink of the stage had begun at `start` and written the rest of its file. */
async function hasWritten(log: Log, start: number): Promise<void> {
  const task = await log.openTask({
    id: 'ours.copy.write/0',
    group: 'ours.copy.write',
    inputs: [],
    start: 'earliest',
  })
  const value = JSON.stringify({ length: 100, start, header: null })
  await task.commit({
    outputs: [],
    state: [{ step: '$sink', key: '', value, dueMs: null }],
    next: [],
  })
  await task.close()
}

async function lengthOf(log: Log, name: string): Promise<bigint | null> {
  const topic = (await log.reader.topics()).find((each) => each.name === name)
  return topic === undefined
    ? null
    : topic.ranges.reduce((sum, { start, end }) => sum + end - start, 0n)
}

describe('run --fresh', () => {
  it('forgets topics, state and files that the pipeline wrote, and nothing that it only reads', async () => {
    const folder = aFolder({ 'out.ndjson': 'old\n' })
    const topology = topologyOf(copy, folder)
    const log = await aLog(topology)
    await fill(log, 'clean', 'ours.copy.clean')
    await fill(log, 'in', 'somebody')
    await hasWritten(log, 0)
    await resetPipelines([topology], log)
    expect(await lengthOf(log, 'clean')).toBe(null)
    expect(await lengthOf(log, 'in')).toBe(1n)
    expect(existsSync(join(folder, 'out.ndjson'))).toBe(false)
    const task = await log.openTask({
      id: 'ours.copy.clean/0',
      group: 'ours.copy.clean',
      inputs: [],
      start: 'earliest',
    })
    expect(await task.restore()).toEqual([])
  })

  it('forgets what stages wrote that the file no longer has, and keeps the new manifest', async () => {
    const before = topologyOf(copy.replaceAll('clean', 'cleaned'))
    const topology = topologyOf(copy)
    const log = await aLog(before)
    await fill(log, 'cleaned', 'ours.copy.cleaned')
    await resetPipelines([topology], log)
    expect(await lengthOf(log, 'cleaned')).toBe(null)
    expect(await log.admin.loadManifest('ours.copy')).toBe(JSON.stringify(manifestOf(topology)))
  })

  it('changes nothing when another pipeline reads one of the topics', async () => {
    const folder = aFolder({ 'out.ndjson': 'old\n' })
    const topology = topologyOf(copy, folder)
    const log = await aLog(topology, topologyOf(reader))
    await fill(log, 'clean', 'ours.copy.clean')
    await expect(resetPipelines([topology], log)).rejects.toMatchObject({
      code: 'CONFIG_USAGE',
      message: expect.stringContaining('"clean", which the pipeline "reader" reads too') as string,
    })
    expect(await lengthOf(log, 'clean')).toBe(1n)
    expect(existsSync(join(folder, 'out.ndjson'))).toBe(true)
  })

  it('is not held up by another pipeline whose manifest cannot be read, and says so', async () => {
    const topology = topologyOf(copy)
    const log = await aLog(topology)
    await log.admin.storeManifest('broken', 'no manifest')
    await log.admin.storeManifest('newer', '{"version":9}')
    const notices: string[] = []
    await resetWith([topology], log, (message) => void notices.push(message))
    expect(notices).toEqual([
      expect.stringContaining('whether the pipeline "broken" uses a topic'),
      expect.stringContaining('whether the pipeline "newer" uses a topic'),
    ])
    expect(await lengthOf(log, 'clean')).toBe(null)
  })

  it('changes nothing while workers of the pipeline are at work, and names them', async () => {
    const topology = topologyOf(copy)
    const log = await aLog(topology)
    await fill(log, 'clean', 'ours.copy.clean')
    log.admin.workers = async (name) => (name === 'ours.copy' ? ['host/1', 'host/2'] : [])
    await expect(resetPipelines([topology], log)).rejects.toMatchObject({
      code: 'CONFIG_USAGE',
      message: expect.stringContaining(
        'workers of the pipeline "ours.copy" are at work: host/1, host/2; stop them first',
      ) as string,
    })
    expect(await lengthOf(log, 'clean')).toBe(1n)
  })

  it('takes pipelines that are reset together for one', async () => {
    const both = [topologyOf(copy), topologyOf(reader)]
    await expect(resetPipelines(both, await aLog(...both))).resolves.toBeUndefined()
  })

  it('leaves a link in its place and empties the file that it leads to', async () => {
    const folder = aFolder({ 'real.ndjson': 'old\n' })
    symlinkSync(join(folder, 'real.ndjson'), join(folder, 'out.ndjson'))
    const topology = topologyOf(copy, folder)
    const log = await aLog(topology)
    await hasWritten(log, 0)
    await resetPipelines([topology], log)
    expect(readFileSync(join(folder, 'out.ndjson'), 'utf8')).toBe('')
  })

  it('leaves what was in a file before the pipeline began, and a file that it never wrote', async () => {
    const folder = aFolder({ 'out.ndjson': 'mine\nwritten\n' })
    const topology = topologyOf(copy, folder)
    const log = await aLog(topology)
    await resetPipelines([topology], log)
    expect(readFileSync(join(folder, 'out.ndjson'), 'utf8')).toBe('mine\nwritten\n')
    await hasWritten(log, 'mine\n'.length)
    await resetPipelines([topology], log)
    expect(readFileSync(join(folder, 'out.ndjson'), 'utf8')).toBe('mine\n')
  })

  it('removes no device', async () => {
    const topology = topologyOf(copy.replace('./out.ndjson', '/dev/null'))
    const log = await aLog(topology)
    await hasWritten(log, 0)
    await resetPipelines([topology], log)
    expect(existsSync('/dev/null')).toBe(true)
  })
})

describe('what an older version left', () => {
  it('keeps nobody from beginning again: a manifest, and the memory of a sink', async () => {
    const folder = aFolder()
    const topology = topologyOf(copy, folder)
    const log = await aLog(topology)
    await log.admin.storeManifest('ours.copy', '{"version":0}')
    const id = 'ours.copy.write/0'
    const task = await log.openTask({ id, group: 'ours.copy.write', inputs: [], start: 'earliest' })
    const state = [{ step: '$sink', key: '', value: '{"bytes":7}', dueMs: null }]
    await task.commit({ outputs: [], state, next: [] })
    await task.close()
    const notices: string[] = []
    await resetWith([topology], log, (message) => notices.push(message))
    expect(notices).toEqual([
      expect.stringMatching(/^what the pipeline "ours\.copy" wrote before is not known.*version 0/),
      expect.stringMatching(/^what the stage "write" wrote before stays.*out\.ndjson by hand/),
    ])
    expect(JSON.parse((await log.admin.loadManifest('ours.copy'))!)).toMatchObject({ version: 1 })
  })
})
