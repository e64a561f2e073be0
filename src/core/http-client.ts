/** One request; the whole of it, with the answer's last byte, has to be over within `deadlineMs`. */
export interface HttpRequest {
  /** Who asks, such as the name of a table or a stage: the stubs of tests go by it. */
  readonly by?: string
  readonly method: string
  /** `http:` or `https:`. */
  readonly url: string
  /** Names in lower case. A value with a control character is refused before anything is sent. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | string | null
  readonly deadlineMs: number
  /** Of the answer's body, after decompression; what is longer is cut off and the connection closed. */
  readonly maxAnswerBytes: number
  /**
   * How many redirects are followed; with 0 the redirect itself is the answer. Each target is judged anew;
   * a body is sent on by 307 and 308 only, and to another origin only headers that hold no secret.
   */
  readonly maxRedirects: number
  /**
   * `public` refuses addresses of private networks, of this host and of links (RFC 6890), judged where the
   * connection is made, after names are resolved.
   */
  readonly addresses: 'any' | 'public'
  readonly signal: AbortSignal
}

export interface HttpAnswer {
  readonly status: number
  /** Names in lower case; of several with one name the first. */
  readonly headers: ReadonlyMap<string, string>
  /** The first `maxAnswerBytes` of it. */
  readonly body: Uint8Array
  readonly isCut: boolean
}

/** Sends requests over connections that are kept open and shared. */
export interface HttpClient {
  /**
   * @returns whatever the peer answered, of any status.
   * @throws PipelineError PEER_UNAVAILABLE when there was no answer in time, or the signal has aborted;
   * PEER_REJECTED when the address is not allowed, there are too many redirects, or a header cannot be
   * sent. The messages name the host alone: the rest of an address can hold secrets.
   */
  send(request: HttpRequest): Promise<HttpAnswer>
  close(): Promise<void>
}
