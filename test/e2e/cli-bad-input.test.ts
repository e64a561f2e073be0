import { execFileSync } from 'node:child_process'
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { CliProcess, millrace, Workspace, type CliResult } from './cli-process.ts'

const workspaces: Workspace[] = []

function workspace(files?: Record<string, string | Buffer>): Workspace {
  const made = new Workspace(files)
  workspaces.push(made)
  return made
}

afterEach(() => {
  for (const made of workspaces.splice(0)) made.remove()
})

/** Root may do everything: then what others may not do cannot be tried. */
const isRoot = process.getuid?.() === 0

const copy = `pipeline: copy
stages:
  - name: read
    source:
      file:
        path: ./in.ndjson
    to: copy.raw
  - name: write
    from: copy.raw
    sink:
      file:
        path: ./out/copy.ndjson
`
const waiting = `pipeline: waiting
stages:
  - name: read
    source: stdin
    sink: stdout
`

/** What every failure has to be like: said on stderr, with what to do, and without a stack. */
function expectClean({ stdout, stderr }: CliResult): void {
  expect(stdout).toBe('')
  expect(stderr).not.toMatch(/^\s+at /m)
  expect(stderr).not.toContain('node:internal')
}

describe('a pipeline file that cannot be read', () => {
  const cases: readonly (readonly [string, Record<string, string | Buffer>, string, RegExp])[] = [
    [
      'is missing',
      {},
      'gone.yaml',
      /reading gone\.yaml: there is no such file; check the path \(CONFIG_UNREADABLE\)/,
    ],
    [
      'is a folder without YAML',
      { 'empty/a.txt': '' },
      'empty',
      /empty: the folder has no \*\.yaml file/,
    ],
    ['is empty', { 'a.yaml': '' }, 'a.yaml', /^a\.yaml:1:1: .*\(CONFIG_\w+\)/m],
    [
      'is binary',
      { 'a.yaml': Buffer.from([0x89, 0x50, 0, 1, 2]) },
      'a.yaml',
      /a\.yaml: it is a binary file, not YAML/,
    ],
    [
      'is no UTF-8',
      { 'a.yaml': Buffer.from('pipeline: caf\xe9\n', 'latin1') },
      'a.yaml',
      /a\.yaml: it is not UTF-8 text/,
    ],
    [
      'is larger than 1 MB',
      { 'a.yaml': '#'.repeat(2_000_000) },
      'a.yaml',
      /it has 2000000 bytes; a pipeline file has at most 1000000/,
    ],
    [
      'is broken YAML',
      { 'a.yaml': 'pipeline: a\nstages: [\n' },
      'a.yaml',
      /^a\.yaml:\d+:\d+: .*\(CONFIG_YAML\)/m,
    ],
    [
      'has a misspelt setting',
      { 'a.yaml': copy.replace('stages:', 'stagess:') },
      'a.yaml',
      /^a\.yaml:2:1: .*"stages"/m,
    ],
    [
      'has a wrong expression',
      { 'a.yaml': copy.replace('    to: copy.raw', '    key: value..id\n    to: copy.raw') },
      'a.yaml',
      /^a\.yaml:7:16: stages\[0\]\.key: .*\(CONFIG_EXPRESSION\)/m,
    ],
    [
      'names a variable that is not set',
      { 'a.yaml': copy.replace('./in.ndjson', '${INPUT}') },
      'a.yaml',
      /the environment variable INPUT is not set/,
    ],
  ]
  it.each(cases)('%s', async (_name, files, path, message) => {
    const { folder } = workspace(files)
    for (const verb of ['run', 'validate']) {
      const result = await millrace([verb, path], { cwd: folder })
      expect(result.code).toBe(2)
      expectClean(result)
      expect(result.stderr).toMatch(message)
    }
  })

  it.skipIf(isRoot)('may not be read by this user', async () => {
    const made = workspace({ 'a.yaml': copy })
    chmodSync(made.path('a.yaml'), 0)
    const result = await millrace(['run', 'a.yaml'], { cwd: made.folder })
    expect(result.code).toBe(2)
    expect(result.stderr).toContain('reading a.yaml: this user may not read it')
  })

  it('has company: the mistakes of all files are told at once', async () => {
    const made = workspace({
      'all/a.yaml': copy.replace('stages:', 'stagess:'),
      'all/b.yaml': copy.replace('copy.raw', 'copy raw'),
      'all/c.yaml': copy,
    })
    const { code, stderr } = await millrace(['validate', 'all'], { cwd: made.folder })
    expect(code).toBe(2)
    expect(stderr).toMatch(/^all\/a\.yaml:/m)
    expect(stderr).toMatch(/^all\/b\.yaml:/m)
    expect(stderr).toMatch(/^all\/c\.yaml: ok/m)
    expect(stderr).toMatch(/^\d+ errors$/m)
  })

  it('declares what another one has declared', async () => {
    const made = workspace({ 'all/a.yaml': copy, 'all/b.yaml': copy })
    const { code, stderr } = await millrace(['validate', 'all'], { cwd: made.folder })
    expect(code).toBe(2)
    expect(stderr).toContain(
      'all/b.yaml:1:11: pipeline: the pipeline "copy" is declared by all/a.yaml already',
    )
  })
})

describe('a data directory that cannot be used', () => {
  it('is in use', async () => {
    const made = workspace({ 'waiting.yaml': waiting })
    const first = new CliProcess(['run', 'waiting.yaml', '--follow'], {
      cwd: made.folder,
      input: '1\n',
    })
    await first.until(({ stdout }) => stdout !== '')
    const second = await millrace(['run', 'waiting.yaml'], { cwd: made.folder })
    expect(second.code).toBe(2)
    expectClean(second)
    expect(second.stderr).toMatch(
      new RegExp(`is in use by process ${first.child.pid} on .*--data-dir.*\\(DATA_DIR_IN_USE\\)`),
    )
    const tapped = await millrace(['tap', 'waiting.read.in'], { cwd: made.folder })
    expect(tapped.stdout).toMatch(/ {2}- {2}1\n$/)
    first.child.kill('SIGTERM')
    expect((await first.ended).code).toBe(0)
  })

  it('is a file', async () => {
    const made = workspace({ 'copy.yaml': copy, 'in.ndjson': '', data: 'a file' })
    const result = await millrace(['run', 'copy.yaml', '--data-dir', 'data'], { cwd: made.folder })
    expect(result.code).toBe(2)
    expectClean(result)
    expect(result.stderr).toMatch(/data cannot be used: .*choose a directory.*\(CONFIG_FILE\)/)
  })

  it('has no log yet, for those who only look', async () => {
    const made = workspace()
    mkdirSync(made.path('.millrace'))
    for (const args of [
      ['dlq', 'ls'],
      ['dlq', 'show', 'a'],
      ['tap', 'a'],
    ]) {
      const result = await millrace(args, { cwd: made.folder })
      expect(result.code).toBe(2)
      expectClean(result)
      expect(result.stderr).toMatch(/holds no log yet: run a pipeline with it first/)
    }
  })

  it.skipIf(isRoot)('is read-only', async () => {
    const made = workspace({ 'copy.yaml': copy, 'in.ndjson': '', 'data/x': '' })
    chmodSync(made.path('data'), 0o500)
    const result = await millrace(['run', 'copy.yaml', '--data-dir', 'data'], { cwd: made.folder })
    chmodSync(made.path('data'), 0o700)
    expect(result.code).toBe(2)
    expect(result.stderr).toContain('cannot be used')
  })

  it('holds topics that the changed pipeline does not fit', async () => {
    const made = workspace({ 'copy.yaml': copy, 'in.ndjson': '{"n":1}\n' })
    await millrace(['run', 'copy.yaml'], { cwd: made.folder })
    made.write('copy.yaml', `${copy}topics:\n  copy.raw:\n    partitions: 9\n`)
    const result = await millrace(['run', 'copy.yaml'], { cwd: made.folder })
    expect(result.code).toBe(2)
    expectClean(result)
    expect(result.stderr).toMatch(
      /the topic "copy\.raw" has 4 partitions.*--fresh.*\(CONFIG_INCOMPATIBLE\)/,
    )
    expect((await millrace(['run', 'copy.yaml', '--fresh'], { cwd: made.folder })).code).toBe(0)
  })
})

describe('a run', () => {
  it('whose source file is missing says which, and exits 2', async () => {
    const { folder } = workspace({ 'copy.yaml': copy })
    const result = await millrace(['run', 'copy.yaml'], { cwd: folder })
    expect(result.code).toBe(2)
    expectClean(result)
    expect(result.stderr).toMatch(/in\.ndjson.*\(CONFIG_FILE\)/)
  })

  it('whose output folder is a file says so', async () => {
    const { folder } = workspace({ 'copy.yaml': copy, 'in.ndjson': '{"n":1}\n', out: 'a file' })
    const result = await millrace(['run', 'copy.yaml'], { cwd: folder })
    expect(result.code).toBe(2)
    expectClean(result)
    expect(result.stderr).toMatch(/out.*\(CONFIG_FILE\)/)
  })

  it('with --json and a sink to stdout is refused before anything is opened', async () => {
    const made = workspace({ 'waiting.yaml': waiting })
    const result = await millrace(['run', 'waiting.yaml', '--json'], { cwd: made.folder })
    expect(result.code).toBe(2)
    expect(result.stderr).toContain('where the stage "read" writes its records')
    expect((await millrace(['dlq', 'ls'], { cwd: made.folder })).code).toBe(2)
  })

  it.each([
    [['--log', 'kafak'], {}, /--log is "kafak", which is no log/],
    [['--log', 'kafka://u:hunter2@a'], {}, /^(?!.*hunter2).*no user and password/s],
    [
      ['--log', 'kafka://127.0.0.1:1'],
      { MILLRACE_KAFKA_TSL: 'true' },
      /no variable MILLRACE_KAFKA_TSL; did you mean "MILLRACE_KAFKA_TLS"/,
    ],
    [['--workers', '3'], {}, /--workers 3 needs Kafka: the embedded log is one file/],
  ] as const)('cannot use %j with %j', async (options, env, message) => {
    const made = workspace({ 'copy.yaml': copy, 'in.ndjson': '' })
    const result = await millrace(['run', 'copy.yaml', ...options], { cwd: made.folder, env })
    expect(result.code).toBe(2)
    expectClean(result)
    expect(result.stderr).toMatch(message)
  })

  it.each([
    [['--log', 'kafka://127.0.0.1:1'], {}],
    [[], { MILLRACE_LOG: 'kafka://127.0.0.1:1' }],
  ] as const)('finds no broker with %j and %j, and says where', async (options, env) => {
    const made = workspace({ 'copy.yaml': copy, 'in.ndjson': '' })
    const result = await millrace(['run', 'copy.yaml', ...options], { cwd: made.folder, env })
    expect(result.code).toBe(1)
    expectClean(result)
    expect(result.stderr).toMatch(
      /broker at 127\.0\.0\.1:1: nothing listens there: start the broker/,
    )
  })

  it('on a full disk says so, and works on as soon as there is room', async (context) => {
    const made = workspace({
      'copy.yaml': copy,
      'in.ndjson': `{"text":"${'x'.repeat(1_000)}"}\n`.repeat(20_000),
      'data/x': '',
    })
    if (!mountSmall(made.path('data'))) return context.skip()
    try {
      const run = new CliProcess(['run', 'copy.yaml', '--data-dir', 'data'], { cwd: made.folder })
      await run.until(({ stderr }) => /disk full: .* cannot grow/.test(stderr))
      execFileSync('mount', ['-o', 'remount,size=500M', made.path('data')])
      const { code, stderr } = await run.ended
      expect({ code, stderr }).toMatchObject({ code: 0 })
      expect(stderr).toContain('there is room on the disk again')
      expect(readFileSync(made.path('out/copy.ndjson'), 'utf8').split('\n')).toHaveLength(20_001)
    } finally {
      execFileSync('umount', ['-l', made.path('data')])
    }
  })
})

/** Needs root, and a machine that lets it. */
function mountSmall(folder: string): boolean {
  if (!isRoot) return false
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4M', 'tmpfs', folder], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

describe('a command line', () => {
  it.each([
    [['rnu'], /unknown command 'rnu'\n\(Did you mean run\?\)/],
    [['run', '--frehs', 'a.yaml'], /unknown option '--frehs'\n\(Did you mean --fresh\?\)/],
    [['run'], /missing required argument 'path'/],
    [['schema', 'more'], /too many arguments/],
    [['graph', 'a.yaml', '--format', 'dot'], /Allowed choices are text, mermaid/],
    [['tap', 'a', '--limit', '0'], /It is a whole number from 1 on/],
    [['tap', 'a', '--from', 'begin'], /"earliest", "latest" or an offset/],
    [[], /Usage: millrace/],
    [['dlq'], /Usage: millrace dlq/],
  ] as const)('%j is refused with exit code 2', async (args, message) => {
    const { folder } = workspace()
    const result = await millrace(args, { cwd: folder })
    expect(result.code).toBe(2)
    expectClean(result)
    expect(result.stderr).toMatch(message)
  })

  it.skipIf(!existsSync('/dev/full'))('that cannot write its output says so', async () => {
    const full = openSync('/dev/full', 'w')
    const { folder } = workspace()
    const { code, stderr } = await new CliProcess(['schema'], { cwd: folder, stdout: full }).ended
    closeSync(full)
    expect(code).toBe(1)
    expect(stderr).toMatch(/^millrace: writing to stdout: ENOSPC.* \(FILE_FAILED\)$/m)
  })

  it('names the topics and stages that there are when one is misspelt', async () => {
    const made = workspace({ 'copy.yaml': copy, 'in.ndjson': '{"n":1}\n' })
    await millrace(['run', 'copy.yaml'], { cwd: made.folder })
    const tapped = await millrace(['tap', 'copy.rwa'], { cwd: made.folder })
    expect(tapped).toMatchObject({ code: 2, stdout: '' })
    expect(tapped.stderr).toContain('there is no topic "copy.rwa"; did you mean "copy.raw"?')
    const shown = await millrace(['dlq', 'show', 'wrote'], { cwd: made.folder })
    expect(shown.code).toBe(2)
    expect(shown.stderr).toContain('did you mean "write"?')
  })

  it.each([
    [['--help']],
    [['run', '--help']],
    [['dlq', 'show', '-h']],
    [['tap', '--help']],
    [['explain', '--help']],
  ])('%j has examples', async (args) => {
    const { code, stdout, stderr } = await millrace(args, { cwd: workspace().folder })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.match(/^ {2}\$ millrace /gm)!.length).toBeGreaterThan(1)
  })
})
