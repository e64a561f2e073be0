import { describe, expect, it } from 'vitest'
import { PipelineError } from '../../src/core/errors.ts'
import { ExpressionError } from '../../src/expressions/expression-error.ts'
import { diagnoseProblem } from '../../src/spec/diagnose-problem.ts'
import { ConfigErrors, formatDiagnostic, formatPath } from '../../src/spec/diagnostic.ts'
import { load, problemsOf, stepWith } from './load-file.ts'

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

describe('diagnoseProblem', () => {
  const { source } = load(stepWith('filter: value.x > nope'))
  const path = ['stages', 0, 'steps', 0, 'filter']
  const where = { file: 'x.yaml', source }

  it('points into the expression at what is wrong', () => {
    const thrown = new ExpressionError('nope is not known', 10)
    expect(diagnoseProblem({ severity: 'error', path, thrown }, where)).toEqual({
      severity: 'error',
      code: 'CONFIG_EXPRESSION',
      message: 'nope is not known',
      file: 'x.yaml',
      line: 6,
      column: 27,
      path: 'stages[0].steps[0].filter',
    })
  })

  it('points at the setting for any other error', () => {
    const thrown = new PipelineError('CONFIG_FILE', 'no such file')
    expect(diagnoseProblem({ severity: 'warning', path, thrown }, where)).toMatchObject({
      severity: 'warning',
      code: 'CONFIG_FILE',
      line: 6,
      column: 17,
    })
  })
})
