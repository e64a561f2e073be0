import { describe, expect, it } from 'vitest'
import { compileText, messageOfProblem, specOf } from '../simulation/pipeline-fixture.ts'

const file = (tracing: string) => `
pipeline: p
${tracing}
stages:
  - { name: a, source: { feed: 1 }, to: one }
`
const tracingOf = (text: string) => specOf(file(`tracing: ${text}`)).tracing

describe('how a pipeline is traced', () => {
  it('is five traces a second, and what is slow, where the file says nothing', () => {
    const byDefault = { perSecond: 5, slowMs: 'auto', continues: 'parent', maxLinks: 32 }
    expect(specOf(file('')).tracing).toEqual(byDefault)
    expect(tracingOf('{}')).toEqual(byDefault)
  })

  it('is read from the file', () => {
    expect(tracingOf('{ rate: 30/m, slow: 2s, continue: link, links: 0 }')).toEqual({
      perSecond: 0.5,
      slowMs: 2_000,
      continues: 'link',
      maxLinks: 0,
    })
    expect(tracingOf('{ rate: off, slow: off, continue: off }')).toMatchObject({
      perSecond: 0,
      slowMs: null,
      continues: 'off',
    })
    expect(tracingOf('{ rate: all }').perSecond).toBe(Infinity)
    expect(tracingOf('{ rate: 36/h }').perSecond).toBe(0.01)
  })

  it.each([
    ['rate: 5', 'text'],
    ['rate: 5/day', 'a rate of traces is a number by time'],
    ['rate: -1/s', 'a rate of traces is a number by time'],
    ['slow: never', 'slow'],
    ['continue: always', 'parent'],
    ['links: 129', '128'],
    ['sampling: 1', 'sampling'],
  ])('is refused with %s', (setting, told) => {
    let message = ''
    try {
      const { problems } = compileText(file(`tracing: { ${setting} }`))
      message = problems.map(messageOfProblem).join('\n')
    } catch (thrown) {
      message = String((thrown as { errors?: unknown }).errors ?? thrown)
      const { diagnostics = [] } = thrown as { diagnostics?: { message: string }[] }
      message += diagnostics.map((each) => each.message).join('\n')
    }
    expect(message).not.toBe('')
    expect(message).toContain(told)
  })

  it('does not make it another pipeline: workers with other settings of it share its tasks', () => {
    const print = (tracing: string) => compileText(file(tracing)).topology.fingerprint
    expect(print('tracing: { rate: all }')).toBe(print(''))
  })
})
