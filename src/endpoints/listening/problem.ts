import type { ServerResponse } from 'node:http'
import { encodeJson, type JsonObject } from '../../core/json.ts'

/** Why a request was not taken, as the caller is told it (RFC 9457). */
export interface Problem {
  readonly status: number
  /** A word that does not change, for programs. */
  readonly code: string
  /** What is wrong and what to do, for people. */
  readonly detail: string
  /** Seconds after which it may be worth to ask again. */
  readonly retryAfter?: number
  /** Further headers, by name in lower case. */
  readonly headers?: Readonly<Record<string, string>>
  /** Further members of the answer. */
  readonly more?: JsonObject
}

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  421: 'Misdirected Request',
  422: 'Unprocessable Content',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
}

export const problemType = 'application/problem+json'

export function titleOf(status: number): string {
  return titles[status] ?? 'Error'
}

export function problemText({ status, code, detail, more }: Problem): string {
  return encodeJson({ type: 'about:blank', title: titleOf(status), status, code, detail, ...more })
}

/** Answers with it, unless an answer was begun or nobody is there any more. */
export function sendProblem(response: ServerResponse, problem: Problem): void {
  if (response.headersSent || response.destroyed) return
  const { status, retryAfter, headers } = problem
  response.writeHead(status, {
    'content-type': problemType,
    ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
    ...headers,
  })
  response.end(problemText(problem))
}
