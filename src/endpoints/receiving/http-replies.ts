import type { ServerResponse } from 'node:http'
import type { EndpointEnvironment } from '../../core/endpoints.ts'
import { sendProblem, type Problem } from '../listening/problem.ts'
import type { ResultSetting } from '../replies/result-setting.ts'
import { ResultWaiters, type Failure, type Result } from '../replies/result-waiters.ts'
import type { Arrival } from './arrival.ts'
import { problems, type Refusals } from './http-answers.ts'

/** The answer to a request, kept for those who send it once more. */
interface Answer {
  readonly status: number
  readonly body: Uint8Array
  readonly problem: Problem | null
}

interface Waiting {
  readonly arrival: Arrival
  /** By record; those that are there. */
  readonly results: (Result | undefined)[]
  left: number
}

/** Answers that are kept for repeated requests, and their bytes. */
const kept = { answers: 10_000, bytes: 16 * 1024 * 1024 } as const
/** Records that may wait for their results; with more of them no request is taken. */
const maxWaiting = 10_000

/** Answers requests with what became of their records. */
export class HttpReplies {
  readonly #waiters: ResultWaiters
  readonly #refusals: Refusals
  readonly #answers = new Map<string, Answer>()
  #answerBytes = 0

  constructor(setting: ResultSetting, environment: EndpointEnvironment, refusals: Refusals) {
    this.#refusals = refusals
    this.#waiters = new ResultWaiters(setting, environment)
  }

  get hasRoom(): boolean {
    return this.#waiters.waiting < maxWaiting
  }

  open(signal: AbortSignal): Promise<void> {
    return this.#waiters.open(signal)
  }

  /** By record of a request that has so many. */
  nextIds(count: number): string[] {
    return Array.from({ length: count }, () => this.#waiters.nextId())
  }

  wait(arrival: Arrival): void {
    const { replyIds } = arrival
    const waiting: Waiting = { arrival, results: [], left: replyIds.length }
    for (const [index, id] of replyIds.entries())
      this.#waiters.wait(id, (result) => this.#came(waiting, index, result))
  }

  /** What was answered to the request that came first. */
  repeat(key: string, responses: readonly ServerResponse[]): void {
    const answer = this.#answers.get(key)
    if (answer === undefined) this.#refusals.send(responses, problems.replyLost)
    else send(responses, answer)
  }

  close(): void {
    this.#waiters.close()
  }

  #came(waiting: Waiting, index: number, result: Result): void {
    const { arrival, results } = waiting
    if (result.kind === 'late' || result.kind === 'closed') {
      for (const id of arrival.replyIds) this.#waiters.forget(id)
      const problem = result.kind === 'late' ? problems.noReply : problems.unsure
      // Those that are answered already are passed over.
      this.#refusals.send(arrival.responses, problem)
      return
    }
    results[index] = result
    waiting.left -= 1
    if (waiting.left > 0) return
    const answer = answerOf(results)
    if (arrival.key !== null) this.#keep(arrival.key.name, answer)
    send(arrival.responses, answer)
  }

  #keep(key: string, answer: Answer): void {
    this.#drop(key)
    this.#answers.set(key, answer)
    this.#answerBytes += answer.body.length
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= kept.answers && this.#answerBytes <= kept.bytes) return
      this.#drop(oldest)
    }
  }

  #drop(key: string): void {
    this.#answerBytes -= this.#answers.get(key)?.body.length ?? 0
    this.#answers.delete(key)
  }
}

/** One result as it is, several as a JSON array in the order of their records. */
function answerOf(results: readonly (Result | undefined)[]): Answer {
  for (const [index, result] of results.entries())
    if (result?.kind === 'failed') return failed(result, index + 1)
  const values = results.map((result) =>
    result?.kind === 'value' && result.value !== null ? result.value : Buffer.from('null'),
  )
  const [single] = values
  if (values.length === 1 && single !== undefined)
    return { status: 200, body: single, problem: null }
  const list = values.flatMap((value, index) => [Buffer.from(index === 0 ? '[' : ','), value])
  return { status: 200, body: Buffer.concat([...list, Buffer.from(']')]), problem: null }
}

function failed({ code, message, stage }: Failure, record: number): Answer {
  const more = { stage, record }
  return {
    status: 422,
    body: Buffer.alloc(0),
    problem: { status: 422, code, detail: message, more },
  }
}

function send(responses: readonly ServerResponse[], { status, body, problem }: Answer): void {
  for (const response of responses) {
    if (response.headersSent || response.destroyed) continue
    if (problem !== null) sendProblem(response, problem)
    else {
      response.writeHead(status, {
        'content-type': 'application/json',
        'content-length': body.length,
      })
      response.end(body)
    }
  }
}
