import { describe, expect, it } from 'vitest'
import { runsAnywhere } from '../../src/runtime/step-executor.ts'
import { topologyOf } from '../simulation/pipeline-fixture.ts'

function stagesOf(text: string): string[] {
  return topologyOf(text)
    .nodes.filter(runsAnywhere)
    .map(({ id }) => id)
}

describe('a node', () => {
  it('runs anywhere when its steps keep nothing and its results go to a topic', () => {
    const text = `
pipeline: p
stages:
  - { name: in, source: { feed: 1 }, to: raw }
  - { name: clean, from: raw, steps: [{ trim: [a] }], to: clean }
  - { name: copy, from: clean, to: copied }
  - { name: unique, from: clean, steps: [{ dedupe: { by: value.id, within: 1h } }], to: once }
  - name: totals
    from: once
    steps:
      - aggregate: { by: value.a, every: 1s, fields: { n: count() } }
    to: totals
  - { name: out, from: totals, sink: { drain: 1 } }
`
    expect(stagesOf(text)).toEqual(['clean', 'copy'])
  })
})
