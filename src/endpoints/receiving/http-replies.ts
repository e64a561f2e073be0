import type { ServerResponse } from 'node:http'
import type { EndpointEnvironment } from '../../core/endpoints.ts'
import { invariant } from '../../core/errors.ts'
import { sendProblem, type Problem } from '../listening/problem.ts'
import type { Arrival } from './arrival.ts'
import { problems, sendProblems } from './http-answers.ts'
import { ReplyDesk, type Reply } from './reply-desk.ts'

export interface ReplySetting {
  readonly from: string
  readonly deadLetters: readonly string[]
  readonly timeoutMs: number
}

/** The answer to a request, kept for those who send it once more. */
interface Answer {
  readonly status: number
  readonly body: Uint8Array
  readonly problem: Problem | null
}

interface Waiting {
  readonly arrival: Arrival
  /** By record; those that are there. */
  readonly replies: (Reply | undefined)[]
  left: number
  readonly endUs: number
}

/** Answers that are kept for repeated requests, and their bytes. */
const kept = { answers: 10_000, bytes: 16 * 1024 * 1024 } as const
const idDigits = 36

/** Answers requests with what became of their records. */
export class HttpReplies {
  readonly #setting: ReplySetting
  readonly #desk: ReplyDesk
  /** Two sources that read replies from one topic, or one after a restart, have different ones. */
  readonly #name: string
  readonly #waiting = new Map<string, Waiting>()
  readonly #answers = new Map<string, Answer>()
  #answerBytes = 0
  #count = 0

  constructor(setting: ReplySetting, { topics, clock, random, notice }: EndpointEnvironment) {
    invariant(topics !== undefined, 'an http source with reply has no topics to read')
    this.#setting = setting
    this.#desk = new ReplyDesk({ ...setting, topics, clock, notice })
    this.#name = [random.next(), random.next()]
      .map((number) => number.toString(idDigits).slice(2))
      .join('')
  }

  open(): Promise<void> {
    return this.#desk.open()
  }

  nextId(): string {
    this.#count += 1
    return `${this.#name}-${this.#count.toString(idDigits)}`
  }

  wait(arrival: Arrival): void {
    const { replyId, values, ingestUs } = arrival
    invariant(replyId !== null, 'a request that waits for its result has an id')
    const endUs = ingestUs + 1_000 * this.#setting.timeoutMs
    const waiting = { arrival, replies: [], left: values.length, endUs }
    this.#waiting.set(replyId, waiting)
    for (const index of values.keys())
      this.#desk.wait(`${replyId}.${index}`, (reply) => this.#came(waiting, index, reply))
  }

  /** What was answered to the request that came first. */
  repeat(key: string, responses: readonly ServerResponse[]): void {
    const answer = this.#answers.get(key)
    if (answer === undefined) sendProblems(responses, problems.replyLost)
    else send(responses, answer)
  }

  /** All of them have the same time, so that those that came first are over first. */
  sweep(nowUs: number): void {
    for (const { arrival, endUs } of this.#waiting.values()) {
      if (endUs > nowUs) return
      this.#forget(arrival)
      sendProblems(arrival.responses, problems.noReply)
    }
  }

  close(): void {
    this.#desk.close()
    for (const { arrival } of this.#waiting.values())
      sendProblems(arrival.responses, problems.unsure)
    this.#waiting.clear()
  }

  #came(waiting: Waiting, index: number, reply: Reply): void {
    waiting.replies[index] = reply
    waiting.left -= 1
    if (waiting.left > 0) return
    const { arrival } = waiting
    this.#waiting.delete(arrival.replyId ?? '')
    const answer = answerOf(waiting.replies)
    if (arrival.key !== null) this.#keep(arrival.key.name, answer)
    send(arrival.responses, answer)
  }

  #forget({ replyId, values }: Arrival): void {
    this.#waiting.delete(replyId ?? '')
    for (const index of values.keys()) this.#desk.forget(`${replyId}.${index}`)
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
function answerOf(replies: readonly (Reply | undefined)[]): Answer {
  for (const [index, reply] of replies.entries())
    if (reply?.kind === 'failed') return failed(reply, index + 1)
  const values = replies.map((reply) =>
    reply?.kind === 'result' && reply.value !== null ? reply.value : Buffer.from('null'),
  )
  const [single] = values
  if (values.length === 1 && single !== undefined)
    return { status: 200, body: single, problem: null }
  const list = values.flatMap((value, index) => [Buffer.from(index === 0 ? '[' : ','), value])
  return { status: 200, body: Buffer.concat([...list, Buffer.from(']')]), problem: null }
}

function failed({ code, message, stage }: Reply & { kind: 'failed' }, record: number): Answer {
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
