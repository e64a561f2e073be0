import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { registries, registryEntries, registryText } from '../../src/docgen/registry.ts'

const [operators, sources] = registries
let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'millrace-registry-'))
})
afterEach(() => {
  rmSync(root, { recursive: true })
})

function write(file: string, text: string): void {
  mkdirSync(join(root, file, '..'), { recursive: true })
  writeFileSync(join(root, file), text)
}

describe('a registry', () => {
  it('lists the definitions of its folders by file, and leaves out files that are parts of them', () => {
    write('src/operators/cleaning/trim.ts', 'export const trim = defineStateless({})')
    write('src/operators/cleaning/drop-all.ts', 'export const dropAll = defineStateless({})')
    write('src/operators/cleaning/default.ts', 'export const defaultOperator = defineStateless({})')
    write('src/operators/analysis/window.ts', 'export const window = 1')
    write('src/operators/analysis/aggregate.ts', 'export const aggregate = defineStateful({})')
    expect(registryText(operators!, registryEntries(root, operators!))).toBe(
      `// Written by \`npm run gen\`.
import type { OperatorDefinition } from '../core/operator.ts'
import { defaultOperator } from './cleaning/default.ts'
import { dropAll } from './cleaning/drop-all.ts'
import { trim } from './cleaning/trim.ts'
import { aggregate } from './analysis/aggregate.ts'

export const operators: readonly OperatorDefinition[] = [
  defaultOperator,
  dropAll,
  trim,
  aggregate,
]
`,
    )
  })

  it('is empty where there is no folder', () => {
    expect(registryText(sources!, registryEntries(root, sources!))).toContain(
      'export const sources: readonly SourceDefinition[] = []\n',
    )
  })

  it('refuses a definition whose name is not that of its file', () => {
    write('src/endpoints/sources/file.ts', 'export const file = defineSource({})')
    expect(() => registryEntries(root, sources!)).toThrow(
      'src/endpoints/sources/file.ts: the definition is called file; by its file it is fileSource',
    )
  })
})
