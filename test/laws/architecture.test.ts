import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from './repository-files.ts'

/** Small files that each break one rule of `.dependency-cruiser.cjs`, and some that break none. */
const planted: Record<string, string> = {
  'src/core/clock.ts': 'export interface Clock { a: number }',
  'src/core/impatient.ts': `import { step } from '../runtime/step.ts'\nexport const a = step`,
  'src/core/file.ts': `import { readFileSync } from 'node:fs'\nexport const a = readFileSync`,
  'src/core/early.ts': `import { setTimeout } from 'node:timers/promises'\nexport const a = setTimeout`,
  'src/core/alone.ts': 'export const a = 1',
  'src/core/lost.ts': `import { a } from './not-there.ts'\nexport const b = a`,
  'src/core/tested.ts': `import { expect } from 'vitest'\nexport const a = expect`,
  'src/core/ring-one.ts': `import { b } from './ring-two.ts'\nexport const a = b`,
  'src/core/ring-two.ts': `import { a } from './ring-one.ts'\nexport const b = a`,
  'src/core/yaml.ts': `import { parse } from 'yaml'\nexport const a = parse`,
  'src/core/root.ts': `import { a } from '../main.ts'\nexport const b = a`,
  'src/operators/cleaning/trim.ts': `import { keep } from './keep.ts'\nexport const trim = defineStateless({})`,
  'src/operators/cleaning/keep.ts': `import type { Clock } from '../../core/clock.ts'\nexport const keep = defineStateless({})`,
  'src/operators/cleaning/lookup.ts': `import { log } from '../../hooks/log.ts'\nexport const a = log`,
  'src/hooks/log.ts': `import type { Clock } from '../core/clock.ts'\nexport const log = defineListener({})`,
  'src/runtime/step.ts': `import type { Log } from '../logs/log.ts'\nexport const step = 1`,
  'src/runtime/tested.ts': `import { run } from '../simulation/run.ts'\nexport const a = run`,
  'src/logs/log.ts': `import type { Clock } from '../core/clock.ts'\nexport type Log = Clock`,
  'src/simulation/run.ts': `import { step } from '../runtime/step.ts'\nexport const run = step`,
  'src/cli/run.ts': `import { a } from '../logs/kafka/log.ts'\nexport const b = a`,
  'src/logs/kafka/log.ts': `import type { Log } from '../log.ts'\nexport const a: Log = 1`,
  'src/main.ts': `import { log } from './hooks/log.ts'\nexport const a = log`,
  'src/operators/registry.generated.ts': `import { keep } from './cleaning/keep.ts'\nexport const a = keep`,
  'node_modules/yaml/package.json': '{ "name": "yaml", "main": "index.js" }',
  'node_modules/yaml/index.js': '',
  'node_modules/vitest/package.json': '{ "name": "vitest", "main": "index.js" }',
  'node_modules/vitest/index.js': '',
  'package.json': '{ "dependencies": { "yaml": "*" }, "devDependencies": { "vitest": "*" } }',
}

const configPath = join(root, '.dependency-cruiser.cjs')

interface Cruised {
  readonly summary: {
    readonly violations: readonly { from: string; to: string; rule: { name: string } }[]
  }
}

let folder: string
let violations: readonly string[]

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-architecture-'))
  for (const [path, text] of Object.entries(planted)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  violations = cruise().summary.violations.map(
    ({ from, to, rule }) => `${rule.name}: ${from} -> ${to}`,
  )
})
afterAll(() => rmSync(folder, { recursive: true }))

function cruise(): Cruised {
  const program = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs')
  const args = [program, '--config', configPath, '--output-type', 'json', 'src']
  const { stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  })
  expect(stderr).toBe('')
  return JSON.parse(stdout) as Cruised
}

describe('the rules of who may import whom', () => {
  it.each([
    'core-imports: src/core/impatient.ts -> src/runtime/step.ts',
    'pure-components: src/core/file.ts -> fs',
    'timers-in-clock: src/core/early.ts -> timers/promises',
    'no-orphans: src/core/alone.ts -> src/core/alone.ts',
    'resolvable: src/core/lost.ts -> ./not-there.ts',
    'declared-packages: src/core/tested.ts -> node_modules/vitest',
    'no-circular: src/core/ring-one.ts -> src/core/ring-two.ts',
    'yaml-belongs-to-spec: src/core/yaml.ts -> node_modules/yaml',
    'main-is-the-root: src/core/root.ts -> src/main.ts',
    'components-stand-alone: src/operators/cleaning/trim.ts -> src/operators/cleaning/keep.ts',
    'operators-imports: src/operators/cleaning/lookup.ts -> src/hooks/log.ts',
    'runtime-imports: src/runtime/step.ts -> src/logs/log.ts',
    'simulation-is-for-tests: src/runtime/tested.ts -> src/simulation/run.ts',
    'cli-knows-no-kafka: src/cli/run.ts -> src/logs/kafka/log.ts',
  ])('catch %s', (violation) => {
    expect(violations).toContainEqual(expect.stringContaining(violation))
  })

  it('leave alone what follows them', () => {
    const innocent = [
      'keep.ts ->',
      'hooks/log.ts ->',
      'logs/log.ts ->',
      'simulation/run.ts ->',
      'generated.ts ->',
    ]
    for (const file of innocent)
      expect(violations.filter((found) => found.includes(file))).toEqual([])
  })

  it('have a rule for each folder of src with code but the command line', () => {
    const config = createRequire(import.meta.url)(configPath) as {
      forbidden: readonly { name: string }[]
    }
    const ruled = new Set(config.forbidden.map(({ name }) => name))
    const folders = readdirSync(join(root, 'src'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name !== 'cli' && entry.name !== 'decisions')
      .map((entry) => `${entry.name}-imports`)
    expect(folders.filter((name) => !ruled.has(name))).toEqual([])
  })
})
