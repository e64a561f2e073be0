import { PipelineError } from '../core/errors.ts'
import type { HttpAnswer, HttpClient, HttpRequest } from '../core/http-client.ts'
import { encodeJson, type JsonValue } from '../core/json.ts'

/** An answer of a stub: a status alone, no answer at all, or a status with what came with it. */
export type StubAnswer =
  | number
  | 'timeout'
  | 'refused'
  | {
      readonly status: number
      /** Text as it is, any other value as JSON; null: nothing. */
      readonly body: unknown
      readonly headers: Readonly<Record<string, string>>
    }

/**
 * HTTP in a test: nothing is sent. A stub goes by the name of who calls, or by the beginning of a URL; of its
 * answers the last one repeats. A call without a stub is noted, and refused.
 */
export class StubbedHttp implements HttpClient {
  readonly #stubs = new Map<string, { readonly answers: readonly StubAnswer[]; at: number }>()
  #unexpected: string[] = []

  stub(name: string, answers: readonly StubAnswer[]): void {
    this.#stubs.set(name, { answers, at: 0 })
  }

  async send(request: HttpRequest): Promise<HttpAnswer> {
    return this.#answer(request)
  }

  async close(): Promise<void> {}

  /** Calls without a stub since the last look. */
  takeUnexpected(): readonly string[] {
    const taken = this.#unexpected
    this.#unexpected = []
    return taken
  }

  #answer({ method, url, by, maxAnswerBytes }: HttpRequest): HttpAnswer {
    const stub = this.#stubFor(url, by)
    if (stub === undefined) {
      const who = by === undefined ? '' : ` of "${by}"`
      const call = `${method} ${url}${who} has no stub: add a step "stub: { ${by ?? url}: [{ status: 200, body: ... }] }"`
      this.#unexpected.push(call)
      throw new PipelineError('PEER_REJECTED', call)
    }
    const answer = stub.answers[Math.min(stub.at, stub.answers.length - 1)]!
    stub.at += 1
    if (answer === 'timeout')
      throw new PipelineError('PEER_UNAVAILABLE', `${url} did not answer in time`)
    if (answer === 'refused')
      throw new PipelineError('PEER_UNAVAILABLE', `${url} refused the connection`)
    const plain = { status: Number(answer), body: null, headers: {} }
    const { status, body, headers } = typeof answer === 'number' ? plain : answer
    return {
      status,
      headers: headersOf(headers, body),
      ...cut(bytesOf(body), maxAnswerBytes),
    }
  }

  /** A name before a URL, and the longest of those. */
  #stubFor(url: string, by: string | undefined) {
    const named = by === undefined ? undefined : this.#stubs.get(by)
    if (named !== undefined) return named
    const fitting = [...this.#stubs.keys()].filter((each) => url.startsWith(each))
    const longest = fitting.toSorted((left, right) => right.length - left.length)[0]
    return longest === undefined ? undefined : this.#stubs.get(longest)
  }
}

function headersOf(headers: Readonly<Record<string, string>>, body: unknown): Map<string, string> {
  const given = Object.entries(headers).map(([name, text]) => [name.toLowerCase(), text] as const)
  const isJson = body !== null && body !== undefined && typeof body !== 'string'
  return new Map([...(isJson ? [['content-type', 'application/json'] as const] : []), ...given])
}

function bytesOf(body: unknown): Uint8Array {
  if (body === null || body === undefined) return new Uint8Array(0)
  return Buffer.from(typeof body === 'string' ? body : encodeJson(body as JsonValue))
}

function cut(body: Uint8Array, maxBytes: number): Pick<HttpAnswer, 'body' | 'isCut'> {
  return { body: body.subarray(0, maxBytes), isCut: body.length > maxBytes }
}
