import { execFileSync, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = process.cwd()
/** Installing comes from a registry, which may be slow. */
const installTimeoutMs = 300_000

const pipeline = `
pipeline: packed
stages:
  - name: read
    source:
      file: { path: ./people.ndjson }
    to: people
  - name: grown-ups
    from: people
    steps:
      - filter: value.age >= 18
      - set: { name: upper(value.name) }
    to: grown-ups
  - name: write
    from: grown-ups
    sink:
      file: { path: ./out/grown-ups.ndjson }
`

let folder: string
let command: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-packed-'))
  const packed = npm(root, ['pack', '--json', '--pack-destination', folder])
  // The build that runs before may print lines of its own.
  const [{ filename }] = JSON.parse(packed.slice(packed.indexOf('[\n'))) as [{ filename: string }]
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  npm(folder, ['install', '--no-audit', '--no-fund', '--loglevel=error', `./${filename}`])
  command = join(folder, 'node_modules/millrace/dist/cli/bin.js')
}, installTimeoutMs)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function npm(cwd: string, args: readonly string[]): string {
  return execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
}

function millrace(node: string, args: readonly string[]) {
  return spawnSync(node, [command, ...args], { cwd: folder, encoding: 'utf8' })
}

/** The first Node on the PATH that is too old, if the machine has one. */
function olderNode(): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((place) => join(place, 'node'))
    .filter((node) => existsSync(node))
    .find((node) => {
      const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' })
      return Number(/^v(\d+)/.exec(stdout)?.[1] ?? Number.NaN) < 24
    })
}

describe('the packed command, installed in an empty folder', () => {
  it('brings the compiled code and the schemas, and no sources or tests', () => {
    const installed = readdirSync(join(folder, 'node_modules/millrace'))
    expect(installed.toSorted()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'dist',
      'package.json',
      'schemas',
    ])
    const compiled = readdirSync(join(folder, 'node_modules/millrace/dist'), {
      recursive: true,
      encoding: 'utf8',
    })
    expect(compiled.filter((path) => /(?<!\.d)\.ts$/.test(path))).toEqual([])
  })

  it('imports no TypeScript file', () => {
    const dist = join(folder, 'node_modules/millrace/dist')
    const modules = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith('.js'),
    )
    const imports = /(?:from|import)\s*\(?\s*['"][^'"]+\.ts['"]/
    expect(modules.filter((path) => imports.test(readFileSync(join(dist, path), 'utf8')))).toEqual(
      [],
    )
  })

  it('says its version', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      version: string
    }
    const { stdout, status, stderr } = millrace(process.execPath, ['--version'])
    expect({ stdout: stdout.trim(), status, stderr }).toEqual({
      stdout: version,
      status: 0,
      stderr: '',
    })
  })

  it('is there for npx', () => {
    const help = npm(folder, ['exec', '--offline', '--', 'millrace', '--help'])
    expect(help).toContain('millrace')
  })

  it('runs a pipeline from files to files', () => {
    writeFileSync(join(folder, 'packed.yaml'), pipeline)
    writeFileSync(
      join(folder, 'people.ndjson'),
      '{"name":"ada","age":36}\n{"name":"tim","age":7}\n{"name":"bob","age":18}\n',
    )
    mkdirSync(join(folder, 'out'), { recursive: true })
    const { status, stderr } = millrace(process.execPath, ['run', 'packed.yaml'])
    expect(status, stderr).toBe(0)
    const lines = readFileSync(join(folder, 'out/grown-ups.ndjson'), 'utf8').trim().split('\n')
    expect(lines.toSorted()).toEqual(['{"name":"ADA","age":36}', '{"name":"BOB","age":18}'])
  })

  it.skipIf(olderNode() === undefined)(
    'refuses an older Node, and names the one that it needs',
    () => {
      const { status, stderr, stdout } = millrace(olderNode()!, ['--version'])
      expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
      expect(stderr).toMatch(
        /^millrace needs Node 24\.21 or later, and \S+ is Node \d+\.\d+\.\d+\./,
      )
    },
  )
})
