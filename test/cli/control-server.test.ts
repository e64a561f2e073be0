import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { connectControl } from '../../src/cli/control-client.ts'
import { openControl, type ControlServer } from '../../src/cli/control-server.ts'
import { RecordBatchBuilder } from '../../src/core/record-batch-builder.ts'
import { emptyBytes } from '../../src/core/record-batch.ts'
import { MemoryLog } from '../../src/logs/memory-log.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'
import { aFolder } from './temporary-folder.ts'

const servers: ControlServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

async function served(directory = aFolder()) {
  const log = new MemoryLog({ clock: new VirtualClock(0) })
  await log.admin.ensureTopics([{ name: 'p.s.replay', partitions: 1, retentionMs: null }])
  const notices: string[] = []
  const server = await openControl(directory, log, (message) => notices.push(message))
  servers.push(server)
  return { directory, log, notices, server }
}

function aBatch(value: string) {
  const builder = new RecordBatchBuilder('p.s.replay/0')
  const times = { timestampMs: 1, eventTimeMs: 2, ingestUs: 3, waitUs: 0, runUs: 0 }
  builder.append({ key: 'k', value, headers: emptyBytes, times })
  return builder.finish()
}

const task = { group: 'p.s.replay', outputs: ['p.s.replay'] }
const note = { step: '$replayed', key: 'p.s.dlq/0/0', value: '1', dueMs: null }

/** What is answered to lines that no command of ours would say. */
function answers(directory: string, lines: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(join(directory, 'control.sock'))
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      socket.end()
    })
    socket.on('close', () => resolve(text))
    socket.on('error', reject)
    socket.write(lines)
  })
}

describe('commands beside a run', () => {
  it('write records and notes through the process that has the log', async () => {
    const { directory, log } = await served()
    const client = (await connectControl(directory))!
    const first = await client.openTask(task)
    expect(await first.restore()).toEqual([])
    const outputs = [{ topic: 'p.s.replay', partition: 0, batch: aBatch('"ключ"') }]
    await first.commit({ outputs, state: [note], next: [] })
    await first.close()
    const [stored] = await log.reader.read({ topic: 'p.s.replay', partition: 0, offset: 0n }, 1e6)
    expect(stored!.batch.valueText(0)).toBe('"ключ"')
    expect(stored!.batch.writer).toBe('p.s.replay/0')
    await expect
      .poll(async () => (await client.openTask(task)).restore().catch(() => null))
      .toEqual([note])
  })

  it("do not take each other's task away", async () => {
    const { directory } = await served()
    const client = (await connectControl(directory))!
    const first = await client.openTask(task)
    await expect(client.openTask(task)).rejects.toThrow(/another command is just writing/)
    await first.commit({ outputs: [], state: [note], next: [] })
  })

  it('get the error that the log met, and go on', async () => {
    const { directory } = await served()
    const opened = await (await connectControl(directory))!.openTask(task)
    const outputs = [{ topic: 'nowhere', partition: 0, batch: aBatch('1') }]
    await expect(opened.commit({ outputs, state: [], next: [] })).rejects.toThrow(/nowhere/)
    await opened.commit({ outputs: [], state: [note], next: [] })
  })

  it('learn that the process has stopped', async () => {
    const { directory, server } = await served()
    const opened = await (await connectControl(directory))!.openTask(task)
    await server.close()
    await expect(opened.commit({ outputs: [], state: [note], next: [] })).rejects.toThrow(
      /has just stopped; run the command again/,
    )
    expect(await connectControl(directory)).toBeNull()
  })
})

describe('the socket of a data directory', () => {
  it('is for its user alone', async () => {
    const { directory } = await served()
    expect(statSync(join(directory, 'control.sock')).mode & 0o777).toBe(0o600)
  })

  it('takes the place of what a killed process has left', async () => {
    const directory = aFolder({ 'control.sock': 'left' })
    expect(await connectControl(directory)).toBeNull()
    const { notices } = await served(directory)
    expect(notices).toEqual([])
    expect(await connectControl(directory)).not.toBeNull()
  })

  it.runIf(process.platform === 'linux')('works in a directory with a long path', async () => {
    const directory = join(aFolder(), 'd'.repeat(90), 'e'.repeat(90))
    mkdirSync(directory, { recursive: true })
    const { notices } = await served(directory)
    expect(notices).toEqual([])
    const client = await connectControl(directory)
    await (await client!.openTask(task)).close()
  })

  it('that cannot be made is told, and keeps nobody from working', async () => {
    const directory = join(aFolder(), 'file')
    writeFileSync(directory, '')
    const { notices } = await served(directory)
    expect(notices).toEqual([expect.stringMatching(/^commands that write, such as `dlq replay`/)])
  })

  it('answers nonsense, other versions and other tasks with a refusal', async () => {
    const { directory } = await served()
    const other = { kind: 'open', version: 1, group: 'p.s', outputs: [] }
    const newer = { kind: 'open', version: 2, group: 'p.s.replay', outputs: [] }
    const early = { kind: 'commit', outputs: [], state: [] }
    for (const line of ['{', 'null', JSON.stringify(other), JSON.stringify(newer)])
      expect(await answers(directory, `${line}\n`)).toContain('"kind":"failed"')
    expect(await answers(directory, `${JSON.stringify(early)}\n`)).toContain('no task was opened')
  })
})
