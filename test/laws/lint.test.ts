import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from './repository-files.ts'

const longFunction = `export function long(): number {\n  let sum = 0\n${'  sum += 1\n'.repeat(70)}  return sum\n}\n`

/** Files that each break one rule, with what the linter must say about them. */
const refused: readonly (readonly [path: string, text: string, says: RegExp])[] = [
  ['src/core/now.ts', 'export const now = Date.now()\n', /Use clock\.wallMs/],
  ['src/core/wait.ts', 'setTimeout(() => {}, 1)\n', /Use clock\.sleep/],
  ['src/core/dice.ts', 'export const dice = Math.random()\n', /Use random\.next/],
  [
    'src/core/id.ts',
    `import { randomUUID } from 'node:crypto'\nrandomUUID()\n`,
    /Use random\.next/,
  ],
  [
    'src/core/home.ts',
    `export const home = process.env['HOME']\n`,
    /src\/main\.ts reads the environ/,
  ],
  ['src/core/loud.ts', `console.log('x')\n`, /no-console/],
  ['src/core/main-thing.ts', 'export default 1\n', /no-default-export/],
  ['src/core/barrel.ts', `export * from './now.ts'\n`, /no-barrel-file/],
  ['src/core/long.ts', longFunction, /max-lines-per-function/],
  ['src/core/longer.ts', '//\n'.repeat(401), /max-lines\)/],
  [
    'src/core/floating.ts',
    'async function work(): Promise<void> {}\nwork()\n',
    /no-floating-promises/,
  ],
  ['src/core/camelCase.ts', 'export const a = 1\n', /filename-case/],
]
const allowed: readonly (readonly [path: string, text: string])[] = [
  ['src/clock/now.ts', 'export const now = Date.now()\n'],
  ['src/main.ts', `export const home = process.env['HOME']\n`],
]

interface Diagnostic {
  readonly filename: string
  readonly code: string
  readonly message: string
  readonly help?: string
}

let folder: string
let diagnostics: readonly Diagnostic[]

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-lint-'))
  for (const [path, text] of [...refused, ...allowed]) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  for (const file of ['.oxlintrc.json', 'tsconfig.json', 'package.json'])
    cpSync(join(root, file), join(folder, file))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  const program = join(root, 'node_modules/oxlint/bin/oxlint')
  const { stdout } = spawnSync(process.execPath, [program, '--format=json', 'src'], {
    cwd: folder,
    encoding: 'utf8',
  })
  diagnostics = (JSON.parse(stdout) as { diagnostics: Diagnostic[] }).diagnostics
})
afterAll(() => rmSync(folder, { recursive: true }))

function saidOf(path: string): string {
  return diagnostics
    .filter(({ filename }) => filename === path)
    .map(({ code, message, help }) => `${code}: ${message} ${help}`)
    .join('\n')
}

describe('the linter', () => {
  it.each(refused)('refuses %s and says what to do', (path, _text, says) => {
    expect(saidOf(path)).toMatch(says)
  })

  it.each(allowed)('allows %s, where it belongs', (path) => {
    expect(saidOf(path)).toBe('')
  })
})
