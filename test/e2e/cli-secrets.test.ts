import { readdirSync, readFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { millrace, Workspace, type CliResult } from './cli-process.ts'

const workspaces: Workspace[] = []

function workspace(files?: Record<string, string | Buffer>): Workspace {
  const made = new Workspace(files)
  workspaces.push(made)
  return made
}

afterEach(() => {
  for (const made of workspaces.splice(0)) made.remove()
})

/** With characters that change their form in JSON and in URLs. */
const canary = 'canary"7f3/9b\\x &z'
const env = { TOKEN: canary }
const forms = [canary, JSON.stringify(canary).slice(1, -1), encodeURIComponent(canary), 'canary']

function expectNoSecret(text: string): void {
  for (const form of forms) expect(text).not.toContain(form)
}

function expectNoSecretIn({ stdout, stderr }: CliResult): void {
  expectNoSecret(stdout)
  expectNoSecret(stderr)
}

/** All that a run left behind, as bytes. */
function stateOf({ folder }: Workspace): string {
  const files = readdirSync(`${folder}/.millrace`)
  return files.map((name) => readFileSync(`${folder}/.millrace/${name}`, 'latin1')).join('\n')
}

const pipeline = `pipeline: guarded
stages:
  - name: read
    source:
      file:
        path: ./in.ndjson
    to: guarded.raw
  - name: clean
    from: guarded.raw
    steps:
      - mask:
          email:
            hmac:
              key: \${secret:TOKEN}
      - require: value.token != '\${secret:WORD}' && value.n > 0
    to: guarded.clean
    hooks:
      - on: [record_dead_lettered, stage_stopped]
        do:
          log:
            level: warn
            message: failed with \${secret:TOKEN}
  - name: count
    from: guarded.clean
    steps:
      - dedupe:
          by: "value.token == '\${secret:WORD}' ? 1 : value.n"
    to: guarded.count
  - name: write
    from: guarded.count
    sink:
      file:
        path: ./out/\${secret:FOLDER}/copy.ndjson
`

/** Inside an expression's text quotes would end it: a word without any. */
const word = 'canary-word'
const secrets = { ...env, WORD: word, FOLDER: 'canary-folder' }

describe('a secret', () => {
  it.each([[[]], [['--json']], [['--log-format', 'json', '--log-level', 'debug']]] as const)(
    'shows nowhere in a run with %j, nor in what it keeps',
    async (options) => {
      const made = workspace({
        'guarded.yaml': pipeline,
        'in.ndjson': '{"n":1,"email":"a@b.c"}\n{"n":-1,"email":"d@e.f"}\n',
      })
      const result = await millrace(['run', 'guarded.yaml', ...options], {
        cwd: made.folder,
        env: secrets,
      })
      expect(result).toMatchObject({ code: 0 })
      expect(result.stderr).toContain('failed with ***')
      expectNoSecretIn(result)
      expectNoSecret(stateOf(made))
      const shown = await millrace(['dlq', 'show', 'clean'], { cwd: made.folder })
      expect(shown.stdout).toContain("the condition value.token != '***' && value.n > 0 is false")
      expectNoSecretIn(shown)
      expect(readFileSync(made.path('out/canary-folder/copy.ndjson'), 'utf8')).not.toContain(
        'a@b.c',
      )
    },
  )

  it('shows in no other command', async () => {
    const made = workspace({ 'guarded.yaml': pipeline, 'in.ndjson': '' })
    for (const args of [
      ['validate'],
      ['validate', '--json'],
      ['graph'],
      ['graph', '--format', 'mermaid'],
      ['test'],
    ]) {
      const [verb = '', ...options] = args
      const result = await millrace([verb, 'guarded.yaml', ...options], {
        cwd: made.folder,
        env: secrets,
      })
      expect({ args, code: result.code }).toEqual({ args, code: 0 })
      expectNoSecretIn(result)
    }
  })

  it.each([
    ['a value of the wrong type', 'partitions: 4', 'partitions: ${secret:TOKEN}'],
    ['an unknown value', 'on_error: dlq', 'on_error: ${secret:TOKEN}'],
    ['an expression that is none', 'key: value.n', 'key: "value.n + + ${secret:TOKEN}"'],
    ['an unknown function', 'key: value.n', 'key: ${secret:NAME}(value.n)'],
    ['a path that leads nowhere', './in.ndjson', './${secret:TOKEN}.ndjson'],
    [
      'a file that is missing',
      'filter: value.n > 0',
      'validate: { schema: "./${secret:TOKEN}.json" }',
    ],
  ])('shows in no message about %s', async (_what, right, wrong) => {
    const text = `pipeline: wrong
topics:
  wrong.raw:
    partitions: 4
stages:
  - name: read
    source:
      file:
        path: ./in.ndjson
    steps:
      - filter: value.n > 0
    on_error: dlq
    key: value.n
    to: wrong.raw
`
    expect(text).toContain(right)
    const made = workspace({ 'wrong.yaml': text.replace(right, wrong) })
    const withName = { ...secrets, NAME: 'canaryName' }
    for (const args of [['run'], ['validate', '--json']]) {
      const [verb = '', ...options] = args
      const result = await millrace([verb, 'wrong.yaml', ...options], {
        cwd: made.folder,
        env: withName,
      })
      expectNoSecretIn(result)
      if (verb === 'run') expect(result.code).toBe(2)
    }
  })

  it('is read from a file of the secrets folder where no variable holds it', async () => {
    const made = workspace({
      'guarded.yaml': pipeline,
      'in.ndjson': '',
      'hidden/TOKEN': `${canary}\n`,
      'hidden/WORD': word,
    })
    const options = {
      cwd: made.folder,
      env: { MILLRACE_SECRETS_DIR: 'hidden', FOLDER: 'canary-folder' },
    }
    const result = await millrace(['validate', 'guarded.yaml'], options)
    expect(result.code).toBe(0)
    made.write('guarded.yaml', pipeline.replace('message: failed', 'messag: failed'))
    const wrong = await millrace(['validate', 'guarded.yaml'], options)
    expect(wrong.code).toBe(2)
    expectNoSecretIn(wrong)
  })
})
