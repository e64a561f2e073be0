import type { ServerResponse } from 'node:http'
import { sendProblem, type Problem } from '../listening/problem.ts'

/** Seconds after which a client may try again. */
const retryAfter = 1

export const problems = {
  queueFull: {
    status: 429,
    code: 'busy',
    detail: 'more requests wait here than are taken at a time; send it again later',
    retryAfter,
  },
  stopping: {
    status: 503,
    code: 'closing',
    detail: 'the pipeline is stopping, and has not stored this; send it again later',
    retryAfter,
  },
  unsure: {
    status: 503,
    code: 'unsure',
    detail:
      'it is not known whether this was stored; send it again with the same Idempotency-Key, or what was stored may come twice',
    retryAfter,
  },
  late: {
    status: 503,
    code: 'late',
    detail: 'this could not be stored in time, and was not; send it again later',
    retryAfter,
  },
  noReply: {
    status: 504,
    code: 'no_reply',
    detail: 'no result came in time; what was sent may be stored, and may have been filtered out',
  },
  replyLost: {
    status: 409,
    code: 'reply_lost',
    detail: 'this was accepted before under the same Idempotency-Key; its result is not kept',
  },
  otherBody: {
    status: 422,
    code: 'key_used',
    detail: 'another body was accepted under this Idempotency-Key; use a new key for each request',
  },
} as const satisfies Record<string, Problem>

const single = '{"accepted":1}'
const singleHeaders = ['content-type', 'application/json', 'content-length', `${single.length}`]

/** To those who are still there. */
export function sendAccepted(responses: readonly ServerResponse[], records: number): void {
  const text = records === 1 ? single : `{"accepted":${records}}`
  const headers =
    records === 1 ? singleHeaders : [...singleHeaders.slice(0, 3), String(text.length)]
  for (const response of responses) {
    if (response.headersSent || response.destroyed) continue
    response.writeHead(202, headers)
    response.end(text)
  }
}

export function sendProblems(responses: readonly ServerResponse[], problem: Problem): void {
  for (const response of responses) sendProblem(response, problem)
}
