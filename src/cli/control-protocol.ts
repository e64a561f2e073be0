import { z } from 'zod'
import type { StateChange } from '../core/log.ts'

/**
 * What commands and the process that writes a data directory say to each other: a line of JSON each way, one
 * request at a time. A connection is about one task, which is closed with it.
 */
export const controlVersion = 1

/** Of a request: what is longer is no request. */
export const maxRequestChars = 96 * 1024 * 1024

const stateChange = z.strictObject({
  step: z.string(),
  key: z.string(),
  value: z.string().nullable(),
  dueMs: z.number().nullable(),
})

export const controlRequest = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('open'),
    version: z.literal(controlVersion),
    /** Of a task that writes dead letters back: of no other. */
    group: z.string().regex(/\.replay$/),
    outputs: z.array(z.string()),
  }),
  z.strictObject({
    kind: z.literal('commit'),
    outputs: z.array(
      z.strictObject({ topic: z.string(), partition: z.int().nonnegative(), batch: z.base64() }),
    ),
    state: z.array(stateChange),
  }),
])
export type ControlRequest = z.output<typeof controlRequest>

export type ControlAnswer =
  | { readonly kind: 'opened'; readonly state: readonly StateChange[] }
  | { readonly kind: 'committed'; readonly visibleUs: number }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }
