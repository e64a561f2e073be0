import { afterEach, expect, it } from 'vitest'
import { describeWithKafka, sharedBroker } from '../broker/describe-with-kafka.ts'
import { connectTo } from '../client/client-fixture.ts'
import { PipelineFolder } from '../endpoints/endpoint-pipeline.ts'
import { hasTasks, uniqueName } from './fleet.ts'

const log = ['--log', `kafka://${sharedBroker.address}`]
const fresh = [...log, '--fresh', '--yes']
const folders: PipelineFolder[] = []

function pipeline(name: string): string {
  return `pipeline: ${name}
stages:
  - name: ingest
    source:
      file:
        path: in.ndjson
    to: ${name}.raw
  - name: write
    from: ${name}.raw
    sink:
      file:
        path: out.ndjson
`
}

function folder(name: string): PipelineFolder {
  const files = { 'in.ndjson': '{"n":1}\n{"n":2}\n' }
  const made = new PipelineFolder(pipeline(name), files)
  folders.push(made)
  return made
}

describeWithKafka('run --fresh on Kafka', () => {
  afterEach(() => {
    for (const made of folders.splice(0)) made.remove()
  })

  it('takes back what sinks have written, and leaves what was there before', async () => {
    const made = folder(uniqueName('fresh'))
    made.write('out.ndjson', 'mine\n')
    for (const args of [log, fresh]) {
      const { code, stderr } = await made.run(args).ended
      expect(code, stderr).toBe(0)
      expect(made.lines('out.ndjson').toSorted()).toEqual(['mine', '{"n":1}', '{"n":2}'])
    }
  }, 40_000)

  it('begins again also where the state of a sink is lost', async () => {
    const name = uniqueName('fresh')
    const made = folder(name)
    expect((await made.run(log).ended).code).toBe(0)
    const client = await connectTo(sharedBroker.address)
    await client.deleteTopics([`${name}.write.changelog`])
    await client.close()
    const lost = await made.run(log).ended
    expect(lost.stderr).toContain('LOG_POSITION_LOST')
    const { code, stderr } = await made.run(fresh).ended
    expect(code, stderr).toBe(0)
  }, 40_000)

  it('refuses while workers are at work, and names them', async () => {
    const made = folder(uniqueName('fresh'))
    const worker = made.run([...log, '--follow'])
    await worker.until(hasTasks)
    const { code, stderr } = await made.run([...fresh, '--data-dir', 'other']).ended
    expect(stderr).toMatch(
      /workers of the pipeline "fresh-\w+" are at work: .*\/\d+; stop them first/,
    )
    expect(stderr).toContain(`/${worker.child.pid};`)
    expect(stderr).toContain('(CONFIG_USAGE)')
    expect(code).toBe(2)
    worker.child.kill('SIGTERM')
    expect((await worker.ended).code).toBe(0)
    expect((await made.run(fresh).ended).code).toBe(0)
  }, 40_000)
})
