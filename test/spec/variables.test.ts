import { describe, expect, it } from 'vitest'
import { formatDiagnostic } from '../../src/spec/diagnostic.ts'
import { substituteVariables } from '../../src/spec/substitute-variables.ts'
import { load, problemsOf, stageWith, stepWith } from './load-file.ts'

const variables = {
  environment: { NAME: 'world', EMPTY: '', NESTED: '${NAME}' },
  readSecret: (name: string) => (name === 'TOKEN' ? 's3cret' : undefined),
}
const filled = (text: string): string => substituteVariables(text, variables).text

describe('variables in texts', () => {
  it.each([
    ['hello ${NAME}', 'hello world'],
    ['${NAME}${NAME}', 'worldworld'],
    ['${MISSING:-there}', 'there'],
    ['${EMPTY:-there}', 'there'],
    ['${EMPTY}', ''],
    ['${MISSING:-}', ''],
    ['${MISSING:-a:-b c}', 'a:-b c'],
    ['${NAME:-there}', 'world'],
    ['${secret:TOKEN}', 's3cret'],
    ['$${NAME}', '${NAME}'],
    ['$$${NAME}', '$${NAME}'],
    ['${NESTED}', '${NAME}'],
  ])('%s is %s', (text, expected) => {
    expect(filled(text)).toBe(expected)
  })

  it.each([
    '${value.table}',
    '${lower}',
    '${Name}',
    '$NAME',
    '${NAME',
    '${}',
    '${ NAME }',
    '${value.a + 1}',
    '${upper(key)}',
  ])('%s is no variable and stays', (text) => {
    expect(substituteVariables(text, variables)).toMatchObject({ text, problem: null })
  })

  it('of names that every object has are not set', () => {
    expect(substituteVariables('${__PROTO__}', variables).problem).not.toBeNull()
  })
})

describe('a scalar that is wholly a variable', () => {
  const port = (value: string): unknown => {
    const text = stageWith('source:', '  http:', '    path: /', '    port: ${PORT}', 'to: b')
    return load(text, { environment: { PORT: value } }).spec.stages[0]?.source?.config
  }

  it('becomes the number that its setting needs', () => {
    expect(port('9090')).toEqual({ path: '/', port: 9090 })
  })

  it('becomes true or false where its setting needs that', () => {
    const text = stageWith(
      'source:',
      '  http:',
      '    path: /',
      '    port: 1',
      '    tls: ${TLS}',
      'to: b',
    )
    expect(
      load(text, { environment: { TLS: 'true' } }).spec.stages[0]?.source?.config,
    ).toMatchObject({ tls: true })
  })

  it('stays text where its setting takes text', () => {
    const text = stageWith('from: ${TOPIC}', 'to: b')
    expect(load(text, { environment: { TOPIC: '42' } }).spec.stages[0]?.from).toEqual(['42'])
  })

  it('is an expression where its setting is one', () => {
    const text = stepWith('filter: value.x > ${LIMIT}')
    const { spec } = load(text, { environment: { LIMIT: '5' } })
    expect(spec.stages[0]?.steps[0]?.config).toMatchObject({ source: 'value.x > 5' })
  })

  it('is a duration where its setting is one', () => {
    const text = stageWith('from: a', 'to: b', 'idle: ${IDLE}')
    expect(load(text, { environment: { IDLE: '5s' } }).spec.stages[0]?.idleMs).toBe(5_000)
  })

  it('names the variable as the cause where it does not fit', () => {
    const text = stageWith('source:', '  http:', '    path: /', '    port: ${PORT}', 'to: b')
    expect(problemsOf(text, { environment: { PORT: '12x' } })).toMatchObject([
      { code: 'CONFIG_VARIABLE', line: 7, column: 15 },
    ])
  })

  it('is told once where it is not set, and not as a wrong type as well', () => {
    const text = stageWith('source:', '  http:', '    path: /', '    port: ${PORT}', 'to: b')
    expect(problemsOf(text)).toMatchObject([{ code: 'CONFIG_VARIABLE', line: 7, column: 15 }])
  })
})

describe('secrets', () => {
  const canary = 'c4nary"\\\n' + 'x'.repeat(80)

  it('are handed out for masking', () => {
    const text = stepWith('filter: value.token == "${secret:TOKEN}"')
      .replace('filter: value', "filter: 'value")
      .replace('}"', '}"\'')
    const { secrets } = load(text, { secrets: { TOKEN: canary } })
    expect([...secrets]).toEqual([canary])
  })

  it.each([
    stageWith('from: a', 'to: ${secret:TOKEN}'),
    stageWith('from: a', 'to: b', 'idle: ${secret:TOKEN}'),
    stageWith('from: a', 'sink: ${secret:TOKEN}'),
    stageWith('from: a', 'on_error: ${secret:TOKEN}', 'to: b'),
    stageWith('source:', '  http:', '    path: /', '    port: ${secret:TOKEN}', 'to: b'),
    stepWith('cast:', '  a: ${secret:TOKEN}'),
    'pipeline: ${secret:TOKEN}\nstages: ${secret:TOKEN}',
  ])('are in no message: %j', (text) => {
    const told = problemsOf(text, { secrets: { TOKEN: canary } })
      .map(formatDiagnostic)
      .join('\n')
    expect(told).not.toBe('')
    expect(told).not.toContain('c4nary')
    expect(told).not.toContain('xxx')
  })
})
