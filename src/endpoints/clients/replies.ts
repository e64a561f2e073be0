import { z } from 'zod'
import { template } from '../../core/config-types.ts'
import type { EndpointDrop } from '../../core/endpoint-drops.ts'
import type { EndpointEnvironment } from '../../core/endpoints.ts'
import { messageOf } from '../../core/errors.ts'
import { Template } from '../../core/expression.ts'
import { decodeJson, type JsonValue } from '../../core/json.ts'
import { StepRecord } from '../../core/step-record.ts'
import { resultSetting } from '../replies/result-setting.ts'
import { replyHeader, ResultWaiters, type Result } from '../replies/result-waiters.ts'
import type { Client } from './client.ts'
import type { TakenSlice } from './intake.ts'

/** The setting `reply` of sources whose clients wait for an answer on the same connection. */
export const replySetting = z.union([
  template().describe(
    'Text that is sent for each message once it is stored, with `${expression}` over the message, such as ${value.id}. Whether what was stored can be read shows in the next stage.',
  ),
  resultSetting({
    timeout: '5s',
    late: 'an error is sent instead',
    failed: 'is answered with its error',
  }),
])
export type ReplySetting = z.output<typeof replySetting>

/** Messages of all clients that may wait for their results; with more of them no more are taken. */
const maxWaiting = 10_000

/** An answer of a client that waits for those before it. */
interface Slot {
  text: string | null
  isKnown: boolean
}

/** Answers messages that are stored, those of each client in their order. */
export class Replies {
  readonly waiters: ResultWaiters | null
  readonly #template: Template | null
  readonly #dropped: (drop: EndpointDrop, count?: number) => void
  /** Wakes who waits for `mayTake`. */
  readonly #onRoom: () => void
  readonly #record = new StepRecord()
  /** Answers that are not sent, by client, oldest first. */
  readonly #slots = new Map<Client, Slot[]>()

  constructor(
    setting: ReplySetting | undefined,
    environment: EndpointEnvironment,
    onRoom: () => void,
  ) {
    this.#template = setting instanceof Template ? setting : null
    this.#dropped = (drop, count) => environment.dropped?.(drop, count)
    this.#onRoom = onRoom
    this.waiters =
      setting === undefined || setting instanceof Template
        ? null
        : new ResultWaiters(setting, environment)
  }

  /** Whether clients are answered. */
  get areWanted(): boolean {
    return this.waiters !== null || this.#template !== null
  }

  /** How messages are given the ids by which their results are found; null: they need none. */
  get stamp(): { readonly header: string; readonly next: () => string } | null {
    const { waiters } = this
    return waiters === null ? null : { header: replyHeader, next: () => waiters.nextId() }
  }

  mayTake(): boolean {
    return this.waiters === null || this.waiters.waiting < maxWaiting
  }

  /** The slice is stored. */
  committed(slice: TakenSlice): void {
    const { clients, failures, ids } = slice
    for (let index = 0; index < clients.length; index++) {
      const client = clients[index]!
      const failure = failures.size === 0 ? undefined : failures.get(index)
      if (failure !== undefined) {
        if (this.waiters !== null) this.waiters.forget(ids[index]!)
        this.#answer(client, errorText(failure.code, failure.message))
      } else if (this.waiters === null) client.settle(this.#render(slice, index))
      else this.#awaitResult(client, ids[index]!)
    }
    for (const client of new Set(clients)) client.flush()
  }

  close(): void {
    this.waiters?.close()
  }

  #render(slice: TakenSlice, index: number): string | null {
    if (this.#template === null) return null
    const { constant } = this.#template
    if (constant !== null) return constant
    const { batch, clients, lines } = slice
    const record = this.#record
    const source = () => clients[index]!.info(lines[index]!)
    record.moveTo(batch, index, { topic: null, partition: 0, baseOffset: 0n, source })
    record.value = valueOf(batch.valueText(index))
    try {
      return this.#template.render(record)
    } catch (thrown) {
      return errorText('RECORD_EXPRESSION', `the message is stored; ${messageOf(thrown)}`)
    }
  }

  #awaitResult(client: Client, id: string): void {
    const slot = this.#slotOf(client)
    this.waiters!.wait(id, (result) => {
      if (result.kind === 'late' || result.kind === 'closed') this.#dropped('late_reply')
      slot.text = resultText(result)
      slot.isKnown = true
      this.#settleKnown(client)
      client.flush()
      this.#onRoom()
    })
  }

  #answer(client: Client, text: string): void {
    if (this.waiters === null) {
      client.settle(text)
      return
    }
    const slot = this.#slotOf(client)
    slot.text = text
    slot.isKnown = true
    this.#settleKnown(client)
  }

  #slotOf(client: Client): Slot {
    const slot = { text: null, isKnown: false }
    const slots = this.#slots.get(client)
    if (slots === undefined) this.#slots.set(client, [slot])
    else slots.push(slot)
    return slot
  }

  #settleKnown(client: Client): void {
    const slots = this.#slots.get(client) ?? []
    let known = 0
    while (slots[known]?.isKnown === true) client.settle(slots[known++]!.text)
    slots.splice(0, known)
    if (slots.length === 0) this.#slots.delete(client)
  }
}

function resultText(result: Result): string {
  if (result.kind === 'value') return result.value?.toString('utf8') ?? 'null'
  if (result.kind === 'failed') return errorText(result.code, result.message)
  return errorText('late_reply', 'the message is stored; its result did not come in time')
}

function errorText(code: string, message: string): string {
  return `error ${code}: ${message}`
}

/** What is no JSON is text for the template. */
function valueOf(text: string | null): JsonValue {
  if (text === null) return null
  try {
    return decodeJson(text)
  } catch {
    return text
  }
}
