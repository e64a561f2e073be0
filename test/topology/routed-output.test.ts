import { describe, expect, it } from 'vitest'
import { WriterLinks } from '../../src/runtime/link-topologies.ts'
import { runsAnywhere } from '../../src/runtime/step-executor.ts'
import { describeTopology, drawTopology } from '../../src/topology/describe.ts'
import { pipelineGuarantees } from '../../src/topology/guarantees.ts'
import { manifestOf } from '../../src/topology/manifest.ts'
import { compileText, messageOfProblem, topologyOf } from '../simulation/pipeline-fixture.ts'

const stage = (...lines: readonly string[]) =>
  ['  - name: s', '    from: raw', ...lines.map((line) => `    ${line}`)].join('\n')
const file = (...stages: readonly string[]) =>
  `pipeline: p\ntopics:\n  raw: { partitions: 4 }\n  wide: { partitions: 8 }\nstages:\n${stages.join('\n')}\n`

const routed = stage(
  'steps:',
  '  - route: { a: value.x > 1, b: value.x > 0 }',
  'to: { a: same, b: wide, otherwise: same }',
)
const templated = stage('to: { template: "${value.t}", allow: [same, wide] }')
const reader = '  - name: r\n    from: wide\n    sink: { drain: 1 }'

describe('several outputs of a stage', () => {
  it('are topics like others: created, described, drawn, and in the manifest', () => {
    const topology = topologyOf(file(routed))
    expect(topology.topics.map(({ name, partitions }) => `${name} ${partitions}`)).toEqual([
      'raw 4',
      'wide 8',
      'same 4',
      'p.s.dlq 4',
      'p.s.replay 4',
    ])
    expect(describeTopology(topology)).toContain('writes  same (a), wide (b), same (otherwise)')
    expect(drawTopology(topology).match(/ --> topic/g)).toHaveLength(2)
    expect(manifestOf(topology).writes).toEqual(['same', 'wide', 'p.s.dlq', 'p.s.replay'])
    expect(describeTopology(topologyOf(file(templated)))).toContain('${value.t} of same, wide')
  })

  it('have the partition of their record each where the counts are equal and no key is set', () => {
    const [node] = topologyOf(file(routed)).nodes
    expect(node!.output).toMatchObject({
      kind: 'topics',
      topics: [
        { topic: 'same', partitions: 4, samePartition: true },
        { topic: 'wide', partitions: 8, samePartition: false },
      ],
    })
    const [keyed] = topologyOf(file(`${routed}\n    key: value.x`)).nodes
    expect(keyed!.output).toMatchObject({
      topics: [{ samePartition: false }, { samePartition: false }],
    })
  })

  it('decode no more than their conditions, or their template, read', () => {
    expect(topologyOf(file(routed)).nodes[0]!.fields).toEqual({ names: ['x'], splices: true })
    expect(topologyOf(file(templated)).nodes[0]).toMatchObject({
      decode: 'json',
      fields: { names: ['t'], splices: false },
    })
    expect(runsAnywhere(topologyOf(file(routed)).nodes[0]!)).toBe(true)
  })

  it('are expected by their readers, task by task', () => {
    const topology = topologyOf(file(routed))
    const links = new WriterLinks([topology], { outsideEnds: false })
    expect(links.expectedWriters('same', 2).map(({ id }) => id)).toEqual(['p.s/2'])
    expect(links.expectedWriters('wide', 2)).toHaveLength(4)
    expect(links.endingTasks('wide')).toHaveLength(4)
  })

  it('have a guarantee each, up to the end of their own way', () => {
    const { outputs } = pipelineGuarantees(topologyOf(file(routed, reader)), 'embedded')
    expect(outputs.map(({ output, guarantee }) => `${output}: ${guarantee}`)).toEqual([
      'same: exactly_once',
      'drain: at_least_once',
    ])
    const hops = outputs[1]!.paths[0]!.hops.map(({ from, to }) => `${from} -> ${to}`)
    expect(hops).toEqual(['raw -> wide', 'wide -> drain'])
  })

  it('have the fields of the stage, and the template reads no others', () => {
    const before = stage(
      'steps:',
      '  - keep: [x, t]',
      '  - route: { a: value.x }',
      'to: { a: wide }',
    )
    const after = '  - name: r\n    from: wide\n    steps: [{ filter: value.y }]\n    to: end'
    const problems = (text: string) =>
      compileText(text)
        .problems.filter(({ severity }) => severity === 'error')
        .map((problem) => `${problem.path.join('.')}: ${messageOfProblem(problem)}`)
    expect(problems(file(before, after))).toEqual([
      expect.stringMatching(/^stages\.1\.steps\.0\.filter: .*"y".*x, t/),
    ])
    const template = stage(
      'steps:',
      '  - keep: [x]',
      'to: { template: "${value.table}", allow: [wide] }',
    )
    expect(problems(file(template))).toEqual([
      expect.stringMatching(/^stages\.0\.to\.template: .*"table"/),
    ])
  })

  it('name no internal topics, and lead in no circle', () => {
    const problems = (to: string) =>
      compileText(
        file(stage('steps: [{ route: { a: value.x } }]', `to: ${to}`), reader),
      ).problems.map(messageOfProblem)
    expect(problems('{ a: raw }').join()).toMatch(/read, directly or through each other/)
    expect(problems('{ a: wide }').join()).not.toMatch(/circle/)
  })
})
