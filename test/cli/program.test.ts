import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { runProgram } from '../../src/cli/program.ts'
import { aCliEnvironment } from './cli-environment.ts'
import { aFolder } from './temporary-folder.ts'

async function command(args: readonly string[], files: Record<string, string> = {}) {
  const environment = aCliEnvironment({ cwd: aFolder(files) })
  const code = await runProgram(args, environment)
  return { code, stdout: environment.stdout.text, stderr: environment.stderr.text }
}

const valid =
  'pipeline: a\nstages:\n  - name: read\n    from: topic\n    steps:\n      - trim: [x]\n    sink: drop\n'

describe('the command line', () => {
  it.each(['run', 'validate', 'test', 'graph', 'explain', 'tap', 'init', 'schema', 'doctor'])(
    'has help with an example for %s',
    async (verb) => {
      const { code, stdout, stderr } = await command([verb, '--help'])
      expect(code).toBe(0)
      expect(stderr).not.toContain('warning')
      expect(stdout).toContain(`  $ millrace ${verb}`)
      expect(stdout).not.toContain('undefined')
    },
  )

  it('keeps help on stdout and complaints on stderr', async () => {
    expect(await command(['--version'])).toMatchObject({ code: 0, stderr: '' })
    expect(await command(['nothing'])).toMatchObject({ code: 2, stdout: '' })
  })

  it('prints the schema that is packaged', async () => {
    const { stdout } = await command(['schema'])
    expect(stdout).toBe(readFileSync('schemas/pipeline.schema.json', 'utf8'))
  })

  it('validates files, as text and as JSON', async () => {
    const good = await command(['validate', 'a.yaml'], { 'a.yaml': valid })
    expect(good).toMatchObject({ code: 0, stdout: '' })
    expect(good.stderr).toContain('a.yaml: ok, pipeline a with 1 stage\n')
    const bad = await command(['validate', 'a.yaml', '--json'], {
      'a.yaml': valid.replace('trim', 'trimm'),
    })
    expect(bad).toMatchObject({ code: 2, stderr: '' })
    expect(JSON.parse(bad.stdout)).toMatchObject({
      valid: false,
      pipelines: [],
      diagnostics: [
        { severity: 'error', code: 'CONFIG_UNKNOWN_OPERATOR', file: 'a.yaml', line: 6 },
      ],
    })
  })

  it('validates how the log is reached', async () => {
    const environment = aCliEnvironment({
      cwd: aFolder({ 'a.yaml': valid }),
      env: {
        MILLRACE_LOG: 'kafka://broker',
        MILLRACE_KAFKA_SASL_MECHANISM: 'plain',
        MILLRACE_KAFKA_SASL_USERNAME: 'user',
        MILLRACE_KAFKA_SASL_PASSWORD: 'hunter2',
      },
    })
    await expect(runProgram(['validate', 'a.yaml'], environment)).rejects.toThrow(/unencrypted/)
    expect(await runProgram(['validate', 'a.yaml', '--log', 'embedded'], environment)).toBe(0)
  })

  it('lets a file with warnings pass', async () => {
    const { code, stderr } = await command(['validate', 'a.yaml'], { 'a.yaml': valid })
    expect(code).toBe(0)
    expect(stderr).toContain(
      'warning: a.yaml:4:11: stages[0].from: no stage of this file writes the topic "topic"',
    )
    expect(stderr).toMatch(/^1 warning$/m)
  })

  it('takes a topic that the file declares for one that comes from elsewhere', async () => {
    const declared = valid.replace('stages:', 'topics: { topic: {} }\nstages:')
    const { code, stderr } = await command(['validate', 'a.yaml'], { 'a.yaml': declared })
    expect(code).toBe(0)
    expect(stderr).not.toContain('warning')
  })

  it('draws a pipeline, and none that is wrong', async () => {
    expect((await command(['graph', 'a.yaml'], { 'a.yaml': valid })).stdout).toContain(
      'read (sink, 4 tasks)',
    )
    expect(
      (await command(['graph', 'a.yaml', '--format', 'mermaid'], { 'a.yaml': valid })).stdout,
    ).toMatch(/^flowchart LR\n/)
    expect(await command(['graph', 'a.yaml'], { 'a.yaml': '' })).toMatchObject({
      code: 2,
      stdout: '',
    })
  })
})

describe('millrace test', () => {
  const tests = `  - name: make
    source: stdin
    to: topic
tests:
  - name: passes
    steps:
      - send:
          make: [{ x: " a " }]
      - expect:
          read: [{ x: a }]
  - name: does not
    steps:
      - send:
          make: [{ x: b }]
      - expect:
          read: [{ x: c }]
`

  it('says which tests failed, where, and what came instead', async () => {
    const { code, stdout } = await command(['test', 'a.yaml'], { 'a.yaml': valid + tests })
    expect(code).toBe(1)
    expect(stdout).toMatch(/^ok {6}a\.yaml: passes$/m)
    expect(stdout).toMatch(/^FAILED {2}a\.yaml: does not\n {2}a\.yaml:\d+:\d+: read: /m)
    expect(stdout).toMatch(/\n1 passed, 1 failed\n$/)
  })

  it('gives the same as JSON', async () => {
    const { code, stdout } = await command(['test', 'a.yaml', '--json'], {
      'a.yaml': valid + tests,
    })
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({
      passed: 1,
      failed: 1,
      tests: [{ passed: true }, { passed: false }],
    })
  })

  it('runs no test of a file that is wrong, and says where there are none', async () => {
    expect(await command(['test', 'a.yaml'], { 'a.yaml': 'x' })).toMatchObject({
      code: 2,
      stdout: '',
    })
    const none = await command(['test', 'a.yaml'], { 'a.yaml': valid })
    expect(none).toMatchObject({ code: 0, stdout: '0 passed, 0 failed\n' })
    expect(none.stderr).toContain('a.yaml: it has no "tests:"')
  })
})
