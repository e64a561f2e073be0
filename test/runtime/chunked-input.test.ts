import { describe, expect, it } from 'vitest'
import { RecordBatchBuilder } from '../../src/core/record-batch-builder.ts'
import { emptyBytes, type RecordBatch } from '../../src/core/record-batch.ts'
import { ChunkedInput } from '../../src/runtime/chunked-input.ts'
import type { InputSlice, TaskInput } from '../../src/runtime/task-input.ts'

const request = { waitMs: 0, signal: new AbortController().signal }

/** @param offsets of the records, from the base on; there may be gaps. */
function aBatch(offsets: readonly number[]): RecordBatch {
  const builder = new RecordBatchBuilder('p.clean/0')
  for (const offset of offsets)
    builder.append({
      key: `k${offset}`,
      value: `v${offset}`,
      headers: emptyBytes,
      times: { timestampMs: offset, eventTimeMs: 2, ingestUs: 3 + offset, waitUs: 4, runUs: 5 },
    })
  const batch = builder.finish()
  batch.offsetDelta.set(offsets)
  return batch
}

function inputOf(slices: readonly InputSlice[]): TaskInput {
  const left = [...slices]
  return {
    next: () => Promise.resolve(left.shift() ?? null),
    lag: () => Promise.resolve(7),
    backlog: () => Promise.resolve([{ topic: 't', partition: 1, records: 7, sinceUs: Number.NaN }]),
    close: () => Promise.resolve(),
  }
}

function aSlice(offsets: readonly number[], from = 0): InputSlice {
  const origin = { topic: 't', partition: 1, baseOffset: 100n, source: null }
  const part = { input: 0, batch: aBatch(offsets), from, origin, visibleUs: 9, failures: new Map() }
  // The log knows of offsets behind the last record that hold none.
  const next = [{ topic: 't', partition: 1, offset: 1_000n }]
  return { parts: [part], next, state: [], records: offsets.length - from }
}

async function all(input: TaskInput): Promise<InputSlice[]> {
  const slices: InputSlice[] = []
  for (;;) {
    const slice = await input.next(request)
    if (slice === null || slice === 'end') return slices
    slices.push(slice)
  }
}

function offsetsOf({ parts }: InputSlice): number[] {
  return parts.flatMap(({ batch, origin, from }) =>
    Array.from(
      { length: batch.count - from },
      (_, index) => Number(origin.baseOffset) + batch.offsetDelta[from + index]!,
    ),
  )
}

describe('input in chunks', () => {
  it('has the records of the slices in order, with a position behind each chunk', async () => {
    const input = new ChunkedInput(inputOf([aSlice([0, 1, 2, 3, 4, 5, 6], 1)]), 4)
    const chunks = await all(input)
    expect(chunks.map(offsetsOf)).toEqual([
      [101, 102, 103, 104],
      [105, 106],
    ])
    expect(chunks.map(({ next, records }) => [next[0]!.offset, records])).toEqual([
      [105n, 4],
      [1_000n, 2],
    ])
    const { batch } = chunks[1]!.parts[0]!
    expect([batch.keyText(0), batch.valueText(0), batch.writer]).toEqual(['k5', 'v5', 'p.clean/0'])
    expect([batch.ingestUs[1], batch.waitUs[1], batch.runUs[1]]).toEqual([9, 4, 5])
  })

  it('keeps the offsets of records between which there are gaps', async () => {
    const chunks = await all(new ChunkedInput(inputOf([aSlice([0, 1, 5, 6, 7, 20])]), 3))
    expect(chunks.map(offsetsOf)).toEqual([[100, 101], [105, 106, 107], [120]])
    expect(chunks.map(({ next }) => next[0]!.offset)).toEqual([102n, 108n, 1_000n])
  })

  it('hands a small slice on as it is, and counts what it holds as waiting', async () => {
    const small = aSlice([0, 1])
    const input = new ChunkedInput(inputOf([small, aSlice([0, 1, 2, 3, 4])]), 2)
    expect(await input.next(request)).toBe(small)
    expect(await input.lag()).toBe(7)
    await input.next(request)
    expect(await input.lag()).toBe(10)
    expect(await input.backlog()).toMatchObject([{ records: 10 }])
  })
})
