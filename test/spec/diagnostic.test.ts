import { describe, expect, it } from 'vitest'
import { PipelineError } from '../../src/core/errors.ts'
import { ConfigErrors, formatDiagnostic, formatPath } from '../../src/spec/diagnostic.ts'
import { problemsOf, stepWith } from './load-file.ts'

describe('formatDiagnostic', () => {
  it('names file, line, column, path, message and code, and puts the hint on its own line', () => {
    const [problem] = problemsOf(stepWith('flter: value.x'))
    expect(formatDiagnostic(problem!).split('\n')).toEqual([
      'pipelines/x.yaml:6:9: stages[0].steps[0].flter: no operator is called "flter"; did you mean "filter"? (CONFIG_UNKNOWN_OPERATOR)',
      expect.stringMatching(/^ {2}allowed are filter, set/),
    ])
  })

  it('leaves the path out for the file as a whole', () => {
    expect(formatDiagnostic(problemsOf('')[0]!)).toMatch(
      /^pipelines\/x\.yaml:1:1: the file is empty/,
    )
  })
})

describe('formatPath', () => {
  it.each([
    [['stages', 2, 'steps', 0, 'filter'], 'stages[2].steps[0].filter'],
    [['topics', 'orders.raw', 'partitions'], 'topics["orders.raw"].partitions'],
    [['a b', 'c"d'], '["a b"]["c\\"d"]'],
    [[], ''],
  ])('%j is %s', (path, text) => {
    expect(formatPath(path)).toBe(text)
  })
})

describe('ConfigErrors', () => {
  it('is a PipelineError with the code of the first diagnostic, and tells all of them', () => {
    const problems = problemsOf('pipelin: p\nstages: []')
    const error = new ConfigErrors([problems[0]!, ...problems.slice(1)])
    expect(error).toBeInstanceOf(PipelineError)
    expect(error.code).toBe('CONFIG_UNKNOWN_KEY')
    expect(error.kind).toBe('config')
    expect(error.message.split('\n')).toHaveLength(2)
  })
})
