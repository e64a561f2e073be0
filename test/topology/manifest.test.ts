import { describe, expect, it } from 'vitest'
import { incompatibilities, manifestOf, parseManifest } from '../../src/topology/manifest.ts'
import { topologyOf } from '../simulation/pipeline-fixture.ts'

interface Parts {
  readonly partitions?: number
  readonly window?: string
  readonly by?: string
  readonly fields?: string
  readonly from?: string
  readonly id?: string
  readonly dedupe?: string
  readonly clean?: string
  readonly onError?: string
}

function manifest(parts: Parts = {}) {
  return manifestOf(
    topologyOf(`
pipeline: p
topics:
  raw: { partitions: ${parts.partitions ?? 4} }
  other: { partitions: 4 }
stages:
  - name: clean
    from: raw
    on_error: ${parts.onError ?? 'dlq'}
    steps:
      - ${parts.clean ?? 'filter: value.a'}
      - dedupe: ${parts.dedupe ?? '{ by: value.id }'}
    to: clean
  - name: totals
    from: ${parts.from ?? 'clean'}
    steps:
      - aggregate:
          window: { tumbling: ${parts.window ?? '10s'} }
          by: ${parts.by ?? 'value.c'}
          fields: ${parts.fields ?? '{ n: count() }'}
        id: ${parts.id ?? 'aggregate'}
    to: totals
`),
  )
}

function changes(to: Parts, from: Parts = {}): string[] {
  return incompatibilities(parseManifest(JSON.stringify(manifest(from))), manifest(to))
}

describe('manifest', () => {
  it('fits the same file, also after being stored', () => {
    expect(changes({})).toEqual([])
    expect(parseManifest(JSON.stringify(manifest()))).toEqual(manifest())
  })

  it.each<[string, Parts]>([
    ['stateless steps', { clean: 'filter: value.b > 1' }],
    ['what becomes of failed records', { onError: 'skip' }],
    ['a new id for a step', { window: '1m', id: 'per-minute' }],
  ])('allows a change of %s', (_what, to) => {
    expect(changes(to)).toEqual([])
  })

  it.each<[string, Parts, RegExp]>([
    [
      'the size of a window',
      { window: '1m' },
      /step "aggregate" of the stage "totals".*another `id:`/,
    ],
    ['what records are grouped by', { by: 'value.d' }, /"aggregate".*"totals"/],
    ['what is aggregated', { fields: '{ n: sum(value.v) }' }, /"aggregate".*"totals"/],
    ['what makes two records the same', { dedupe: '{ by: value.other }' }, /"dedupe".*"clean"/],
    ['the input of a stage with state', { from: 'other' }, /"totals.*clean.* now reads other/],
  ])('refuses a change of %s', (_what, to, sentence) => {
    expect(changes(to)).toEqual([expect.stringMatching(sentence)])
  })

  it('refuses another number of partitions: for the topic, and for each stage that keeps state by them', () => {
    const sentences = changes({ partitions: 8 })
    expect(sentences[0]).toMatch(
      /topic "raw" has 4 partitions, which are fixed; the file now says 8/,
    )
    expect(sentences.join('\n')).toMatch(
      /stage "clean" keeps the state of 4 tasks and would now have 8/,
    )
  })

  it('refuses to lose records that a removed step still holds', () => {
    const without = manifestOf(
      topologyOf('pipeline: p\nstages:\n  - name: totals\n    from: clean\n    to: totals\n'),
    )
    expect(incompatibilities(manifest(), without).join('\n')).toMatch(
      /"totals" no longer has the step "aggregate".*not yet emitted/,
    )
  })

  it('allows stages and topics to be added and removed', () => {
    const one = manifestOf(
      topologyOf('pipeline: p\nstages:\n  - name: copy\n    from: a\n    to: b\n'),
    )
    const two = manifestOf(
      topologyOf(
        'pipeline: p\nstages:\n  - name: copy\n    from: a\n    to: b\n  - name: on\n    from: b\n    to: c\n',
      ),
    )
    expect(incompatibilities(one, two)).toEqual([])
    expect(incompatibilities(two, one)).toEqual([])
  })

  it('names what the pipeline reads and writes, dead letters included', () => {
    const { reads, writes } = manifest()
    expect(reads.toSorted()).toEqual(['clean', 'p.totals.repartition', 'raw'])
    expect(writes.toSorted()).toEqual([
      'clean',
      'p.clean.dlq',
      'p.clean.late',
      'p.clean.replay',
      'p.totals.dlq',
      'p.totals.late',
      'p.totals.repartition',
      'p.totals.replay',
      'totals',
    ])
  })

  it('knows the changelogs of Kafka, with their partitions, as its own', () => {
    const file = (partitions: number) =>
      manifestOf(
        topologyOf(
          `pipeline: p\ntopics:\n  a: { partitions: ${partitions} }\nstages:\n  - { name: s, from: a, steps: [{ dedupe: { by: key } }], to: b }\n`,
          { log: 'kafka' },
        ),
      )
    expect(file(4).topics).toEqual({
      a: 4,
      b: 4,
      'p.s.dlq': 4,
      'p.s.late': 4,
      'p.s.replay': 4,
      'p.s.changelog': 4,
    })
    expect(file(4).writes).toContain('p.s.changelog')
    expect(incompatibilities(file(4), file(4))).toEqual([])
    expect(incompatibilities(file(4), file(8))).toContainEqual(
      expect.stringMatching(/"p\.s\.changelog" has 4 partitions/),
    )
  })

  it('of another version is refused with what to do', () => {
    expect(() => parseManifest('{"version":2}')).toThrow(
      /version 2; use the Millrace that wrote it/,
    )
  })

  it.each(['', '{', 'null', '[]', '7', '{"version":1}'])(
    'that was damaged (%j) is told apart from a bug',
    (text) => {
      expect(codeOf(() => parseManifest(text))).toMatch(/^LOG_/)
    },
  )
})

function codeOf(run: () => unknown): unknown {
  try {
    run()
  } catch (thrown) {
    return (thrown as { code?: unknown }).code
  }
  return 'nothing thrown'
}
