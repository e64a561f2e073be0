import { z } from 'zod'
import { describe, expect, it } from 'vitest'
import type { Source, SourceDefinition, SourceSlice } from '../../src/core/endpoints.ts'
import { PipelineError } from '../../src/core/errors.ts'
import { emptyBatch } from '../../src/core/record-batch.ts'
import { batchOf } from '../logs/kafka/endpoint/partition-records.ts'
import { RunBench } from './run-fixture.ts'

type Step = SourceSlice | PipelineError

function slice(position: number, ...values: string[]): SourceSlice {
  const batch = values.length === 0 ? emptyBatch() : batchOf(values.map((value) => ({ value })))
  return { batch, failures: [], positions: new Map([['split', position]]), info: () => ({}) }
}

/** A source that does one step after the other, and then ends. */
function steppedSource(steps: readonly Step[], begun: unknown[], committed: unknown[]) {
  const definition: SourceDefinition = {
    type: 'stepped',
    summary: 'Steps of a test.',
    config: z.unknown(),
    examples: [{ title: 'any', config: 1 }],
    files: () => [],
    replayable: true,
    bounded: () => true,
    create: (_config, _environment, positions): Source => {
      begun.push(positions.get('split') ?? null)
      const left = [...steps]
      return {
        async read() {
          const step = left.shift() ?? null
          if (step instanceof PipelineError) throw step
          return step
        },
        committed: (of) => void committed.push(of.get('split')),
        lag: () => left.length,
        close: async () => {},
      }
    },
  }
  return definition
}

const text = 'pipeline: p\nstages:\n  - name: s\n    source: { stepped: 1 }\n    to: out\n'

describe('slices of a source', () => {
  it('are told to it once they are committed, in their order', async () => {
    const bench = new RunBench()
    const committed: unknown[] = []
    const source = steppedSource([slice(1, '1'), slice(2), slice(3, '2', '3')], [], committed)
    const run = await bench.start([bench.topology(text, { sources: [source] })])
    await run.done
    expect(committed).toEqual([1, 2, 3])
    const values = (await bench.records('out')).map(({ value }) => value)
    expect(new Set(values)).toEqual(new Set([1, 2, 3]))
  })

  it('without records keep their positions', async () => {
    const bench = new RunBench()
    const begun: unknown[] = []
    for (const steps of [[slice(7)], []]) {
      const source = steppedSource(steps, begun, [])
      await (
        await bench.start([bench.topology(text, { sources: [source] })])
      ).done
    }
    expect(begun).toEqual([null, 7])
  })

  it('without records end a time of waiting for the peer', async () => {
    const bench = new RunBench()
    const away = new PipelineError('PEER_UNAVAILABLE', 'nobody answers')
    const source = steppedSource([away, away, slice(1)], [], [])
    const run = await bench.start([bench.topology(text, { sources: [source] })])
    await bench.clock.advance(10_000)
    await run.done
    expect(bench.notices).toEqual([
      expect.stringContaining('the stage "s" is blocked: nobody answers'),
      'the stage "s" works again',
    ])
  })
})
