import { existsSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { CliProcess, millrace, Workspace } from './cli-process.ts'

const workspaces: Workspace[] = []

function workspace(files?: Record<string, string>): Workspace {
  const made = new Workspace(files)
  workspaces.push(made)
  return made
}

afterEach(() => {
  for (const made of workspaces.splice(0)) made.remove()
})

const copy = `pipeline: copy
stages:
  - name: read
    source:
      file:
        path: ./in.ndjson
    to: copy.raw
  - name: clean
    from: copy.raw
    steps:
      - require: value.n > 0
    to: copy.clean
  - name: write
    from: copy.clean
    sink:
      file:
        path: ./out/copy.ndjson
`
const endless = `pipeline: endless
stages:
  - name: make
    source:
      generate:
        rate: 500/s
        template:
          n:
            $sequence: 1
    to: endless.raw
  - name: write
    from: endless.raw
    sink:
      file:
        path: ./out/endless.ndjson
`

function lines(text: string): string[] {
  return text.split('\n').slice(0, -1)
}

describe('millrace run', () => {
  it('shows a summary on stderr and nothing on stdout', async () => {
    const { folder } = workspace({ 'copy.yaml': copy, 'in.ndjson': '{"n":1}\n{"n":-1}\n' })
    const { code, stdout, stderr } = await millrace(['run', 'copy.yaml'], { cwd: folder })
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(stderr).toMatch(/^pipeline copy: completed after /m)
    expect(stderr).toMatch(/^stage +role +n +t mean +t p95 +T=n\*t +s mean +s p95 +D=s\*n +rate$/m)
    expect(stderr).toMatch(/^clean +cleaning +2 /m)
    expect(stderr).toContain('1 dead_lettered, 1 emitted')
    expect(stderr).toContain('by reason: RECORD_REQUIRED 1')
    expect(stderr).toContain('is the bottleneck')
    expect(stderr).toContain('millrace dlq show clean')
    expect(stderr).not.toContain('\u001b')
    for (const line of lines(stderr)) expect(line.length).toBeLessThanOrEqual(120)
  })

  it('prints the report as JSON with --json, and nothing at all with --quiet', async () => {
    const { folder } = workspace({ 'copy.yaml': copy, 'in.ndjson': '{"n":1}\n' })
    const { stdout } = await millrace(['run', 'copy.yaml', '--json', '--quiet'], { cwd: folder })
    const report = JSON.parse(stdout) as {
      pipelines: { outcome: string; stages: { n: number }[] }[]
    }
    expect(report.pipelines).toMatchObject([{ pipeline: 'copy', outcome: 'completed' }])
    expect(report.pipelines[0]!.stages.map(({ n }) => n)).toEqual([1, 1, 1])
    expect(await millrace(['run', 'copy.yaml', '--quiet'], { cwd: folder })).toEqual({
      code: 0,
      signal: null,
      stdout: '',
      stderr: '',
    })
  })

  it('goes on where it was, and begins again with --fresh', async () => {
    const made = workspace({ 'copy.yaml': copy, 'in.ndjson': '{"n":1}\n' })
    const run = (...more: string[]) => millrace(['run', 'copy.yaml', ...more], { cwd: made.folder })
    const written = () => lines(readFileSync(made.path('out/copy.ndjson'), 'utf8'))
    await run()
    made.write('in.ndjson', '{"n":1}\n{"n":2}\n')
    await run()
    expect(written()).toEqual(['{"n":1}', '{"n":2}'])
    const again = await run()
    expect(again.stderr).toContain('There was nothing new to read.')
    expect(written()).toEqual(['{"n":1}', '{"n":2}'])
    expect((await run('--fresh')).code).toBe(0)
    expect(written()).toHaveLength(2)
  })

  it('runs all pipelines of a folder together', async () => {
    const made = workspace({
      'all/a.yaml': copy.replace('./in', '../in'),
      'all/b.yml': `pipeline: reader
stages:
  - name: read
    from: copy.clean
    sink: stdout
`,
      'all/notes.txt': 'no pipeline',
      'in.ndjson': '{"n":1}\n',
    })
    const { code, stdout } = await millrace(['run', 'all'], { cwd: made.folder })
    expect({ code, stdout }).toEqual({ code: 0, stdout: '{"n":1}\n' })
  })

  it('lets a pipeline of another run read a topic with the partitions that it has', async () => {
    const made = workspace({
      'copy.yaml': `${copy}topics:\n  copy.clean:\n    partitions: 7\n`,
      'reader.yaml':
        'pipeline: reader\nstages:\n  - name: read\n    from: copy.clean\n    sink: stdout\n',
      'in.ndjson': '{"n":1}\n',
    })
    await millrace(['run', 'copy.yaml'], { cwd: made.folder })
    const reading = new CliProcess(['run', 'reader.yaml'], { cwd: made.folder })
    await reading.until(({ stdout }) => stdout.includes('\n'))
    reading.child.kill('SIGTERM')
    expect(await reading.ended).toMatchObject({ code: 0, stdout: '{"n":1}\n' })
  })

  it('refuses --fresh while another pipeline reads one of the topics', async () => {
    const made = workspace({
      'copy.yaml': copy,
      'reader.yaml':
        'pipeline: reader\nstages:\n  - name: read\n    from: copy.clean\n    sink: drop\n',
      'in.ndjson': '{"n":1}\n',
    })
    await millrace(['run', 'copy.yaml', 'reader.yaml'], { cwd: made.folder })
    const refused = await millrace(['run', 'copy.yaml', '--fresh'], { cwd: made.folder })
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain(
      'the topic "copy.clean", which the pipeline "reader" reads too',
    )
    expect(existsSync(made.path('out/copy.ndjson'))).toBe(true)
    const both = await millrace(['run', 'copy.yaml', 'reader.yaml', '--fresh'], {
      cwd: made.folder,
    })
    expect(both.code).toBe(0)
  })

  it('empties what a link leads to with --fresh, and leaves devices alone', async () => {
    const made = workspace({
      'copy.yaml': copy,
      'in.ndjson': '{"n":1}\n',
      'elsewhere.ndjson': '',
      'out/x': '',
    })
    symlinkSync(made.path('elsewhere.ndjson'), made.path('out/copy.ndjson'))
    await millrace(['run', 'copy.yaml'], { cwd: made.folder })
    await millrace(['run', 'copy.yaml', '--fresh'], { cwd: made.folder })
    expect(readFileSync(made.path('elsewhere.ndjson'), 'utf8')).toBe('{"n":1}\n')
  })

  it.each([
    ['SIGTERM', 0],
    ['SIGINT', 130],
  ] as const)('on %s commits what it has done and exits with %d', async (signal, code) => {
    const made = workspace({ 'endless.yaml': endless })
    const run = new CliProcess(['run', 'endless.yaml', '--log-format', 'json'], {
      cwd: made.folder,
    })
    await run.untilFile(made.path('out/endless.ndjson'))
    run.child.kill(signal)
    const ended = await run.ended
    expect(ended.code).toBe(code)
    expect(ended.stderr).toContain('the pipeline endless has stopped')
    for (const line of lines(ended.stderr)) expect(JSON.parse(line)).toHaveProperty('body')
    const before = lines(readFileSync(made.path('out/endless.ndjson'), 'utf8'))
    const next = new CliProcess(['run', 'endless.yaml'], { cwd: made.folder })
    await next.untilFile(
      made.path('out/endless.ndjson'),
      (text) => lines(text).length > before.length,
    )
    next.child.kill('SIGTERM')
    await next.ended
    const all = lines(readFileSync(made.path('out/endless.ndjson'), 'utf8'))
    expect(new Set(all).size).toBe(all.length)
  })

  it('ends with exit code 1 when its data directory is taken away', async () => {
    const made = workspace({ 'endless.yaml': endless })
    const run = new CliProcess(['run', 'endless.yaml', '--follow'], { cwd: made.folder })
    await run.untilFile(made.path('out/endless.ndjson'))
    rmSync(made.path('.millrace'), { recursive: true })
    const { code, stderr } = await run.ended
    expect(code).toBe(1)
    expect(stderr).toMatch(/log\.db was removed or replaced while .* \(LOG_IO\)/)
    expect(stderr).not.toMatch(/^\s+at /m)
  })

  it('exits at once at a second signal', async () => {
    const made = workspace({
      'in.yaml':
        'pipeline: waiting\nstages:\n  - name: read\n    source: stdin\n    sink: stdout\n',
    })
    const run = new CliProcess(['run', 'in.yaml', '--follow'], {
      cwd: made.folder,
      input: '{"n":1}\n',
    })
    await run.until(({ stdout }) => stdout.includes('\n'))
    run.child.kill('SIGINT')
    run.child.kill('SIGINT')
    expect((await run.ended).code).toBe(130)
  })

  it('keeps waiting at the end with --follow', async () => {
    const made = workspace({ 'copy.yaml': copy, 'in.ndjson': '{"n":1}\n' })
    const run = new CliProcess(['run', 'copy.yaml', '--follow'], { cwd: made.folder })
    await run.untilFile(made.path('out/copy.ndjson'))
    expect(run.child.exitCode).toBe(null)
    run.child.kill('SIGTERM')
    expect((await run.ended).code).toBe(0)
  })

  it('ends quietly when nobody reads its output any more', async () => {
    const made = workspace({
      'endless.yaml': endless.replace(/sink:[^]*/, 'sink: stdout\n').replace('500/s', '5000/s'),
    })
    const run = new CliProcess(['run', 'endless.yaml'], { cwd: made.folder })
    await run.until(({ stdout }) => stdout.includes('\n'))
    run.child.stdout!.destroy()
    expect(await run.ended).toMatchObject({ code: 0, stderr: '' })
  })

  it('tells a listener of events in its log, with the level that was asked for', async () => {
    const hooks =
      '    hooks:\n      - on: [record_dead_lettered]\n        do:\n          log:\n            level: warn\n'
    const made = workspace({
      'copy.yaml': copy.replace('    to: copy.clean\n', `    to: copy.clean\n${hooks}`),
      'in.ndjson': '{"n":-1}\n',
    })
    const { stderr } = await millrace(['run', 'copy.yaml'], { cwd: made.folder })
    expect(stderr).toMatch(/^\d\d:\d\d:\d\d warn {2}record_dead_lettered {2}code=RECORD_REQUIRED /m)
    const quieter = await millrace(['run', 'copy.yaml', '--fresh', '--log-level', 'error'], {
      cwd: made.folder,
    })
    // The summary counts it all the same.
    expect(quieter.stderr).not.toMatch(/^\d\d:\d\d:\d\d .*record_dead_lettered/m)
  })
})
