import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { report, root, sourceFiles } from './repository-files.ts'

/** Folders of test/ that are about the whole, and so mirror nothing. */
const crossCutting = /^test\/(laws|conformance|e2e|judges|kafka|golden|bench|fixtures|peers)\//
const componentDefinition =
  /^export const \w+ = define(?:Stateless|Stateful|Source|Sink|Listener)\(/m

describe('test/ mirrors src/', () => {
  it('every operator, source, sink and listener has its test', () => {
    const untested = sourceFiles('src')
      .filter(({ text }) => componentDefinition.test(text))
      .map(({ path }) => ({
        path,
        test: path.replace(/^src/, 'test').replace(/\.ts$/, '.test.ts'),
      }))
      .filter(({ test }) => !existsSync(join(root, test)))
    expect(report(untested.map(({ path, test }) => `${path} has no test: write ${test}`))).toBe('')
  })

  it('every test stands where its subject does', () => {
    const lost = sourceFiles('test')
      .filter(({ path }) => path.endsWith('.test.ts') && !crossCutting.test(path))
      .filter(({ path }) => !existsSync(join(root, dirname(path).replace(/^test/, 'src'))))
    expect(report(lost.map(({ path }) => `${path}: src has no such folder; move the test`))).toBe(
      '',
    )
  })

  it('a component stands in a file by its name, and its file name is its type', () => {
    const misnamed = sourceFiles('src')
      .filter(({ text }) => componentDefinition.test(text))
      .map(({ path, text }) => ({ path, type: /^\s*type: '([^']+)'/m.exec(text)?.[1] }))
      .filter(({ path, type }) => !path.endsWith(`/${type?.replaceAll('_', '-')}.ts`))
    expect(
      report(misnamed.map(({ path, type }) => `${path} defines \`${type}\`: rename the file`)),
    ).toBe('')
  })
})
