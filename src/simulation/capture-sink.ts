import { z } from 'zod'
import type { Sink, SinkDefinition } from '../core/endpoints.ts'
import type { RecordBatch } from '../core/record-batch.ts'
import type { FailingPeer } from './failing-peer.ts'

/** Takes the place of a sink in a test and keeps what is written to it, when its peer is well. */
export function captureSink(written: RecordBatch[], peer: FailingPeer): SinkDefinition {
  return {
    type: 'capture',
    summary: 'Keeps what is written.',
    config: z.unknown(),
    examples: [{ title: 'no setting', config: null }],
    delivery: 'at_least_once',
    singleTask: () => false,
    files: () => [],
    reset: async () => {},
    create: (): Sink => ({
      begin: async () => null,
      write: async (batch) => {
        peer.answer()
        written.push(batch)
        return { memory: null, failures: [] }
      },
      close: async () => {},
    }),
  }
}
