import { renameSync, writeFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { CliProcess, Workspace } from './cli-process.ts'

const workspaces: Workspace[] = []
afterEach(() => {
  for (const made of workspaces.splice(0)) made.remove()
})

const pipeline = (more = '') => `pipeline: p
stages:
  - name: make
    source:
      generate: { rate: 50/s, template: { n: { $sequence: 1 } } }
    to: raw
  - name: mark
    from: raw
    steps:
      - set: { mark: "'one'" }
      - validate: { schema: ./schema.json }
    to: marked
  - name: write
    from: marked
    sink:
      file: { path: ./out.ndjson }
${more}`

describe('millrace dev', () => {
  it('runs a pipeline anew when it is saved, loses nothing, and goes on with what was right', async () => {
    const made = new Workspace({ 'a.yaml': pipeline(), 'schema.json': '{}' })
    workspaces.push(made)
    const out = made.path('out.ndjson')
    const dev = new CliProcess(['dev', 'a.yaml'], { cwd: made.folder })
    await dev.untilFile(out, (text) => text.includes('one'))
    // As editors do it: a new file takes the place of the old one.
    writeFileSync(made.path('a.yaml.new'), pipeline().replace("'one'", "'two'"))
    renameSync(made.path('a.yaml.new'), made.path('a.yaml'))
    await dev.untilFile(out, (text) => text.includes('two'))
    expect(dev.stderr).toMatch(/^reloaded: a\.yaml$/m)
    made.write('a.yaml', pipeline().replace('from: raw', 'frm: raw'))
    await dev.until(({ stderr }) => stderr.includes('not reloaded: what ran before goes on'))
    expect(dev.stderr).toMatch(/a\.yaml:8:5: .*did you mean "from"/)
    const before = made.lines('out.ndjson').length
    await dev.untilFile(out, (text) => text.split('\n').length > before + 20)
    made.write('a.yaml', pipeline().replace("'one'", "'three'"))
    await dev.untilFile(out, (text) => text.includes('three'))
    made.write('schema.json', '{ "type": "array" }')
    await dev.until(({ stderr }) => stderr.match(/^reloaded/gm)?.length === 3)
    dev.child.kill('SIGINT')
    expect((await dev.ended).code).toBe(130)
    const numbers = made.lines('out.ndjson').map((line) => (JSON.parse(line) as { n: number }).n)
    expect(numbers.toSorted((a, b) => a - b)).toEqual(numbers.map((_, index) => index + 1))
  })

  it('waits for a file that is wrong from the start, and says so', async () => {
    const made = new Workspace({ 'a.yaml': 'pipeline: p\nstages: []\n' })
    workspaces.push(made)
    const dev = new CliProcess(['dev', 'a.yaml'], { cwd: made.folder })
    await dev.until(({ stderr }) => stderr.includes('not started: nothing runs; save again'))
    made.write('schema.json', '{}')
    made.write('a.yaml', pipeline())
    await dev.untilFile(made.path('out.ndjson'))
    dev.child.kill('SIGTERM')
    expect((await dev.ended).code).toBe(0)
  })
})
