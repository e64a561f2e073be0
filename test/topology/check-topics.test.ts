import { describe, expect, it } from 'vitest'
import type { LogKind } from '../../src/topology/topology.ts'
import { compileText, messageOfProblem } from '../simulation/pipeline-fixture.ts'

function errorsOf(text: string, log?: LogKind): string[] {
  const { problems } = compileText(text, log === undefined ? {} : { log })
  return problems
    .filter(({ severity }) => severity === 'error')
    .map((problem) => `${problem.path.join('.')}: ${messageOfProblem(problem)}`)
}

const stateful = `
  - name: s
    source: { feed: 1 }
    steps:
      - aggregate: { by: value.c, fields: { n: count() } }
    to: out
`

describe('the name of an internal topic', () => {
  it.each([
    ['declared', '', 'topics:\n  p.s.in: {}\n', 'topics.p.s.in'],
    ['written', '  - { name: t, from: out, to: p.s.repartition }\n', '', 'stages.1.to'],
    ['read', '  - { name: t, from: [out, p.s.in], to: b }\n', '', 'stages.1.from'],
    [
      'used for dead letters',
      '  - { name: t, from: out, dlq: p.s.in, to: b }\n',
      '',
      'stages.1.dlq',
    ],
  ])('may not be %s by the file', (_what, stage, topics, path) => {
    expect(errorsOf(`pipeline: p\n${topics}stages:${stateful}${stage}`)).toEqual([
      expect.stringMatching(
        new RegExp(`^${path}: ".*" is the name of an internal topic of the stage "s"`),
      ),
    ])
  })

  it('is that of a changelog on Kafka, where there is one', () => {
    const text = `pipeline: p\nstages:${stateful}  - { name: t, from: out, to: p.s.changelog }\n`
    expect(errorsOf(text, 'kafka')).toEqual([
      expect.stringMatching(/^stages\.1\.to: "p\.s\.changelog"/),
    ])
    expect(errorsOf(text, 'embedded')).toEqual([])
  })
})

describe('a compacted topic', () => {
  const head = 'pipeline: p\ntopics:\n  a: { cleanup: compact }\nstages:\n'
  const keyed = '  - { name: s, source: { feed: 1 }, key: value.id, to: a }\n'

  it('is refused on the embedded log, which is named, and taken on Kafka and in tests', () => {
    expect(errorsOf(head + keyed, 'embedded')).toEqual([
      expect.stringMatching(/^topics\.a\.cleanup: .*the embedded log removes records by age only/),
    ])
    expect(errorsOf(head + keyed, 'kafka')).toEqual([])
    expect(errorsOf(head + keyed)).toEqual([])
  })

  it('takes no records that cannot have a key', () => {
    expect(errorsOf(`${head}  - { name: s, source: { feed: 1 }, to: a }\n`, 'kafka')).toEqual([
      'stages.0.to: a compacted topic takes records with a key only: give the stage a "key:"',
    ])
    expect(errorsOf(`${head}  - { name: s, from: b, to: a, dlq: a, late: a }\n`, 'kafka')).toEqual([
      expect.stringMatching(/^stages\.0\.dlq: /),
      expect.stringMatching(/^stages\.0\.late: /),
    ])
  })

  it('takes what comes from topics and what a stateful step gives a key', () => {
    const file = `${head}  - { name: s, from: b, to: a }\n${stateful.replace('name: s', 'name: t').replace('to: out', 'to: a')}`
    expect(errorsOf(file, 'kafka')).toEqual([])
  })
})
