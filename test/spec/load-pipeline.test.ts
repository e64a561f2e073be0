import { describe, expect, it } from 'vitest'
import { formatDiagnostic } from '../../src/spec/diagnostic.ts'
import { brokenComponents } from './broken-components.ts'
import { brokenConnections } from './broken-connections.ts'
import { brokenPipelines } from './broken-pipelines.ts'
import { brokenYaml } from './broken-yaml.ts'
import { problemsOf } from './load-file.ts'

const tables = { brokenYaml, brokenComponents, brokenConnections, brokenPipelines }

describe.each(Object.entries(tables))('loadPipeline refuses (%s)', (_, table) => {
  it.each(table)('$rule', ({ text, found }) => {
    const problems = problemsOf(text)
    const places = problems.map(({ line, column, code }) => [`${line}:${column}`, code])
    expect(places, problems.map(formatDiagnostic).join('\n')).toEqual(
      found.map(([place, code]) => [place, code]),
    )
    for (const [index, [, , ...parts]] of found.entries()) {
      for (const part of parts) expect(formatDiagnostic(problems[index]!)).toContain(part)
    }
  })
})
