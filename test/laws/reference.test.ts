import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Definitions } from '../../src/core/definitions.ts'
import { errorTable } from '../../src/core/errors.ts'
import { hookEvents } from '../../src/core/hook.ts'
import { settingSchema } from '../../src/docgen/json-schema.ts'
import { settingRows } from '../../src/docgen/settings-table.ts'
import { sinks } from '../../src/endpoints/sinks/registry.generated.ts'
import { sources } from '../../src/endpoints/sources/registry.generated.ts'
import { functionsByName } from '../../src/expressions/functions.ts'
import { listeners } from '../../src/hooks/registry.generated.ts'
import { operators } from '../../src/operators/registry.generated.ts'
import { componentSchemas } from '../../src/spec/component-schema.ts'
import { pipelineSchema } from '../../src/spec/pipeline-schema.ts'
import { readText, report, root } from './repository-files.ts'

const definitions: Definitions = { operators, sources, sinks, listeners }
const reference = 'schemas/reference'
const kinds = ['operators', 'sources', 'sinks', 'listeners'] as const

/** Settings without a description, with the reason; each has to be one. */
const undescribed: ReadonlyMap<string, string> = new Map<string, string>([])

/** The names in the first column of the tables of a page. */
function namesIn(page: string): string[] {
  return [...readText(`${reference}/${page}`).matchAll(/^\| `(\w+)[`(]/gm)].map(([, name]) => name!)
}

const advice = 'run npm run gen'

describe('the reference', () => {
  it.each(kinds)('has a page for each of the %s, and no page outlives it', (kind) => {
    const types = definitions[kind].map(({ type }) => type)
    const folder = join(root, reference, kind)
    const pages = existsSync(folder)
      ? readdirSync(folder).map((name) => name.replace(/\.md$/, ''))
      : []
    expect(pages.toSorted(), advice).toEqual(types.toSorted())
  })

  it.each(kinds)('links each of the %s', (kind) => {
    const index = readText(`${reference}/README.md`)
    const missing = definitions[kind].filter(({ type }) => !index.includes(`(${kind}/${type}.md)`))
    expect(report(missing.map(({ type }) => `${type} is not in the index: ${advice}`))).toBe('')
  })

  it('has each error code, and no other', () => {
    expect(namesIn('errors.md'), advice).toEqual(Object.keys(errorTable))
  })

  it('has each event, and no other', () => {
    expect(namesIn('events.md'), advice).toEqual(Object.keys(hookEvents))
  })

  it('has each function of expressions, and no other', () => {
    expect(namesIn('expressions.md').toSorted(), advice).toEqual(
      [...functionsByName.keys()].toSorted(),
    )
  })

  it('has links that lead somewhere', () => {
    const broken = readdirSync(join(root, reference), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .flatMap((page) => {
        const links = [...readText(`${reference}/${page}`).matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)]
        return links
          .filter(([, link]) => !existsSync(join(root, reference, page, '..', link!)))
          .map(([, link]) => `${page}: ${link}`)
      })
    expect(report(broken)).toBe('')
  })
})

describe('every setting has a description', () => {
  const known = kinds.flatMap((kind) => {
    return definitions[kind].flatMap(({ type, config }) => {
      return settingRows(settingSchema(config)).map((row) => ({
        ...row,
        at: `${kind}/${type}: ${row.path}`,
      }))
    })
  })
  const frame = settingRows(
    settingSchema(pipelineSchema({ ...componentSchemas(definitions), step: z.unknown() })),
  ).map((row) => ({ ...row, at: `pipeline: ${row.path}` }))

  it('but those with a reason not to', () => {
    const missing = [...known, ...frame]
      .filter(({ description }) => description === null || description.trim() === '')
      .map(({ at }) => at)
    expect(
      report(missing.filter((at) => !undescribed.has(at)).map((at) => `${at} has no .describe()`)),
    ).toBe('')
    expect([...undescribed.keys()].filter((at) => !missing.includes(at))).toEqual([])
  })
})
