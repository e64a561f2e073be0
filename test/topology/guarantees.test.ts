import { describe, expect, it } from 'vitest'
import { fileSink } from '../../src/endpoints/sinks/file.ts'
import { stdoutSink } from '../../src/endpoints/sinks/stdout.ts'
import { dropSink } from '../../src/endpoints/sinks/drop.ts'
import { fileSource } from '../../src/endpoints/sources/file.ts'
import { stdinSource } from '../../src/endpoints/sources/stdin.ts'
import { FilePath } from '../../src/core/expression.ts'
import {
  maxPaths,
  pipelineGuarantees,
  type GuaranteedOutput,
  type PipelineGuarantees,
} from '../../src/topology/guarantees.ts'
import type { LogKind } from '../../src/topology/topology.ts'
import { definitions as fixtures, topologyOf } from '../simulation/pipeline-fixture.ts'

const definitions = {
  ...fixtures,
  sources: [...fixtures.sources, fileSource, stdinSource],
  sinks: [...fixtures.sinks, fileSink, stdoutSink, dropSink],
}

function guaranteesOf(stages: readonly string[], log: LogKind, head = ''): PipelineGuarantees {
  const text = `pipeline: p\n${head}stages:\n${stages.map((stage) => `  - ${stage}\n`).join('')}`
  const topology = topologyOf(text, { log, definitions })
  for (const { output } of topology.nodes) {
    const config = output?.kind === 'sink' ? (output.config as { path?: unknown }) : {}
    if (config.path instanceof FilePath) config.path.bind('/out')
  }
  return pipelineGuarantees(topology, log)
}

/** `output of stage: guarantee <- weakest links`, with the hops of each path below. */
function shown({ outputs }: PipelineGuarantees): string[] {
  return outputs.flatMap(({ output, stage, guarantee, weakest, paths }) => [
    `${output} of ${stage}: ${guarantee} <- ${weakest.map((link) => link.stage).join(', ')}`,
    ...paths.map(
      ({ hops, beginsOutside }) =>
        `${beginsOutside ? 'outside ' : ''}${hops.map((hop) => `${hop.from} -> ${hop.to} ${hop.guarantee}`).join('; ')}`,
    ),
  ])
}

const read = '{ name: read, source: { file: ./in.ndjson }, to: raw }'
const clean = '{ name: clean, from: raw, steps: [{ filter: value.x }], to: clean }'
const save = '{ name: save, from: clean, sink: { file: ./out.ndjson } }'
const show = '{ name: show, from: clean, sink: { stdout: {} } }'

describe('the guarantees of a pipeline', () => {
  it('are exactly once from file to file on the embedded log', () => {
    expect(shown(guaranteesOf([read, clean, save], 'embedded'))).toEqual([
      'file of save: exactly_once <- ',
      'file -> raw exactly_once; raw -> clean exactly_once; clean -> file exactly_once',
    ])
  })

  it('are as good as the weakest link, which is named for each output', () => {
    expect(shown(guaranteesOf([read, clean, save, show], 'embedded'))).toEqual([
      'file of save: exactly_once <- ',
      'file -> raw exactly_once; raw -> clean exactly_once; clean -> file exactly_once',
      'stdout of show: at_least_once <- show',
      'file -> raw exactly_once; raw -> clean exactly_once; clean -> stdout at_least_once',
    ])
  })

  it('are lower on Kafka where a stage asks for at least once, and say what repeats', () => {
    const weaker = clean.replace('to: clean', 'to: clean, delivery: at_least_once')
    expect(shown(guaranteesOf([read, weaker, save], 'embedded'))[0]).toContain('exactly_once')
    const found = guaranteesOf([read, weaker, save], 'kafka')
    expect(shown(found)).toEqual([
      'file of save: at_least_once <- clean',
      'file -> raw exactly_once; raw -> clean at_least_once; clean -> file exactly_once',
    ])
    expect(found.outputs[0]!.paths[0]!.hops[1]).toMatchObject({
      why: expect.stringContaining('delivery: at_least_once'),
      afterCrash: expect.stringContaining('written again'),
      dropBy: expect.stringContaining('dedupe'),
    })
  })

  it('of a stage with state stay exactly once whatever the defaults say', () => {
    const totals =
      '{ name: totals, from: raw, steps: [{ aggregate: { by: value.c, fields: { n: count() } } }], to: totals }'
    const found = guaranteesOf([read, totals], 'kafka', 'defaults: { delivery: at_least_once }\n')
    expect(shown(found)).toEqual([
      'totals of totals: exactly_once <- ',
      'file -> raw exactly_once; raw -> p.totals.repartition exactly_once; p.totals.repartition -> totals exactly_once',
    ])
  })

  it('of what cannot be read again are at most once, and no promise where that is repeated besides', () => {
    const stdin = '{ name: read, source: { stdin: {} }, to: clean }'
    expect(shown(guaranteesOf([stdin], 'embedded'))).toEqual([
      'clean of read: at_most_once <- read',
      'stdin -> clean at_most_once',
    ])
    expect(shown(guaranteesOf([stdin, show], 'kafka'))).toEqual([
      'stdout of show: best_effort <- read, show',
      'stdin -> clean at_most_once; clean -> stdout at_least_once',
    ])
  })

  it('say where a path begins outside, and follow dead letters that are read', () => {
    expect(shown(guaranteesOf([clean], 'kafka'))).toEqual([
      'clean of clean: exactly_once <- ',
      'outside raw -> clean exactly_once',
    ])
    const mend = '{ name: mend, from: p.clean.dlq, to: mended }'
    expect(shown(guaranteesOf([read, clean, mend], 'embedded')).slice(2)).toEqual([
      'mended of mend: exactly_once <- ',
      'file -> raw exactly_once; raw -> p.clean.dlq exactly_once; p.clean.dlq -> mended exactly_once',
    ])
  })

  it('have a path for each way to an output, and name each weak link once', () => {
    const left = '{ name: left, from: raw, delivery: at_least_once, to: both }'
    const right = '{ name: right, from: raw, to: both }'
    const last = '{ name: last, from: both, sink: { drop: {} } }'
    expect(shown(guaranteesOf([read, left, right, last], 'kafka'))).toEqual([
      'drop of last: at_least_once <- left',
      'file -> raw exactly_once; raw -> both at_least_once; both -> drop exactly_once',
      'file -> raw exactly_once; raw -> both exactly_once; both -> drop exactly_once',
    ])
  })

  it('are listed to a limit where paths are many, and count the weak links of all of them', () => {
    const layers = Array.from({ length: 12 }, (_, index) => [
      `{ name: a${index}, from: t${index}, to: t${index + 1} }`,
      `{ name: b${index}, from: t${index}, to: t${index + 1} }`,
    ]).flat()
    const found = (stages: string[]) => {
      const [{ paths, morePaths, guarantee, weakest }] = guaranteesOf(stages, 'kafka').outputs as [
        GuaranteedOutput,
      ]
      return [paths.length, morePaths, guarantee, weakest.map(({ stage }) => stage)]
    }
    expect(found(layers)).toEqual([maxPaths, true, 'exactly_once', []])
    const weaker = layers.map((stage) => {
      return stage.includes('name: b0')
        ? stage.replace('to:', 'delivery: at_least_once, to:')
        : stage
    })
    expect(found(weaker)).toEqual([maxPaths, true, 'at_least_once', ['b0']])
  })

  it('of a stage that only has steps, and of one that forgets, are those of its commits', () => {
    const watch =
      '{ name: watch, from: clean, steps: [{ filter: value.x }], delivery: at_least_once }'
    expect(shown(guaranteesOf([watch], 'kafka'))[0]).toBe(
      '(no output) of watch: at_least_once <- watch',
    )
    const drop = '{ name: d, from: clean, delivery: at_least_once, sink: { drop: {} } }'
    expect(shown(guaranteesOf([drop], 'kafka'))[0]).toBe('drop of d: at_least_once <- d')
  })

  it('of a sink that says nothing of its own follow from its kind', () => {
    const drain = '{ name: d, from: clean, sink: { drain: 1 } }'
    const [output] = guaranteesOf([drain], 'embedded').outputs
    expect(output).toMatchObject({ guarantee: 'at_least_once', output: 'drain' })
    expect(output!.paths[0]!.hops[0]!.afterCrash).not.toBeNull()
  })

  it('of a file hold on Kafka as long as the workers share it', () => {
    const why = (log: LogKind) => guaranteesOf([save], log).outputs[0]!.paths[0]!.hops[0]!.why
    expect(why('kafka')).toMatch(/one Kafka transaction\. .*share it\.$/)
    expect(why('embedded')).toMatch(/synced to the disk\.$/)
  })

  it('have the hooks, which promise nothing', () => {
    const hooked = clean.replace(
      'to: clean',
      'hooks: [{ on: record_failed, do: { tell: 1 } }], to: clean',
    )
    expect(guaranteesOf([hooked], 'embedded').hooks).toEqual([
      { stage: 'clean', listener: 'tell', on: ['record_failed'], reliable: false },
    ])
  })
})
