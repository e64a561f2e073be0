import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readText, report, repositoryFiles, root } from './repository-files.ts'

const files = repositoryFiles()
const manifest = JSON.parse(readText('package.json')) as {
  files: readonly string[]
  bin: Readonly<Record<string, string>>
  engines: { readonly node: string }
  scripts: Readonly<Record<string, string>>
  dependencies: Readonly<Record<string, string>>
}

const topLevel = new Set([
  'pipelines',
  'src',
  'schemas',
  'test',
  'deploy',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'README.md',
  'LICENSE',
  'CHANGELOG.md',
])
const namelessFolders = new Set([
  'utils',
  'util',
  'helpers',
  'helper',
  'common',
  'shared',
  'lib',
  'misc',
  'types',
  'interfaces',
])

describe('the repository', () => {
  it('has the fixed top level', () => {
    const strange = new Set(
      files
        .map((path) => path.split('/')[0]!)
        .filter((name) => !name.startsWith('.') && !topLevel.has(name)),
    )
    expect(
      report(
        [...strange].map(
          (name) => `${name} does not belong to the top level: move it into a folder`,
        ),
      ),
    ).toBe('')
  })

  it('names no folder or file after nothing in particular', () => {
    const nameless = files.filter((path) =>
      path.split('/').some((part) => namelessFolders.has(part.replace(/\.[^.]+$/, ''))),
    )
    expect(report(nameless.map((path) => `${path}: name it after what it does`))).toBe('')
  })

  it.each(['README.md', 'CHANGELOG.md', 'LICENSE', '.ci/run', 'deploy/millrace.service'])(
    'has %s',
    (path) => {
      expect(files).toContain(path)
    },
  )

  it('has a changelog with a place for what comes next', () => {
    expect(readText('CHANGELOG.md')).toMatch(/^## \[Unreleased\]$/m)
  })

  it('can run what CI runs', () => {
    expect(() => accessSync(join(root, '.ci/run'), constants.X_OK)).not.toThrow()
  })

  it('locks packages without the address of a registry', () => {
    expect(readText('package-lock.json').match(/"resolved": "https?:.*/g) ?? []).toEqual([])
    expect(
      files
        .filter((path) => path.endsWith('.npmrc'))
        .filter((path) => readText(path).includes('registry')),
    ).toEqual([])
  })
})

describe('the package', () => {
  it('ships the compiled code, the schemas and the texts, and nothing else', () => {
    expect(manifest.files).toEqual(['dist', 'schemas', 'README.md', 'LICENSE', 'CHANGELOG.md'])
    expect(manifest.bin).toEqual({ millrace: 'dist/cli/bin.js' })
  })

  it('is built before it is packed, and runs no script where it is installed', () => {
    expect(manifest.scripts['prepack']).toContain('build')
    for (const script of ['preinstall', 'install', 'postinstall', 'prepare'])
      expect(manifest.scripts).not.toHaveProperty(script)
  })

  it('names one exact version of each package that it needs', () => {
    const loose = Object.entries(manifest.dependencies).filter(
      ([, version]) => !/^\d+\.\d+\.\d+$/.test(version),
    )
    expect(loose).toEqual([])
  })

  it('asks for the same Node in package.json and in its command', () => {
    const command = readText('src/cli/bin.ts')
    const [, major] = /neededMajor = (\d+)/.exec(command) ?? []
    const [, minor] = /neededMinor = (\d+)/.exec(command) ?? []
    expect(manifest.engines.node).toBe(`>=${major}.${minor}.0`)
  })
})
