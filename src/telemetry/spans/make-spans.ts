import { type Attributes, type Link, SpanKind } from '@opentelemetry/api'
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import type {
  CommittedTraces,
  TracedEmit,
  TracedHook,
  TracedRecord,
  TracedReplay,
  TracedSend,
} from '../../core/telemetry.ts'
import { contextOf, toReadable, type Described } from './readable-span.ts'
import { attribute } from './semantic-conventions.ts'

export interface SpanMakerOptions {
  /** `OTEL_SERVICE_NAME`; null: each stage is a service of its own. */
  readonly serviceName: string | null
  /** Of the resource, beside those of the service. */
  readonly attributes: ReadonlyMap<string, string>
  /** Tells this process from others. */
  readonly instance: string
  /** The version of Millrace. */
  readonly version: string
  /** What the topics of the run lie in. */
  readonly system: 'kafka' | 'millrace'
}

/** Makes spans of what was traced, after the fact: their ids and times are those of the record. */
export class SpanMaker {
  readonly #options: SpanMakerOptions
  readonly #resources = new Map<string, Resource>()

  constructor(options: SpanMakerOptions) {
    this.#options = options
  }

  ofRecord(record: TracedRecord, traces: CommittedTraces): ReadableSpan[] {
    const resource = this.#resourceOf(traces)
    const described = [...this.#record(record, traces)]
    return described.map((span) => toReadable(span, resource, this.#options.version))
  }

  ofEmit(emit: TracedEmit, traces: CommittedTraces): ReadableSpan {
    return toReadable(this.#emit(emit, traces), this.#resourceOf(traces), this.#options.version)
  }

  ofHook(hook: TracedHook): ReadableSpan {
    return toReadable(hookSpan(hook), this.#resourceOf(hook), this.#options.version)
  }

  ofReplay(replay: TracedReplay): ReadableSpan {
    const { topic, partition, attempt, code, letter, link, pipeline, stage, startUs, endUs } =
      replay
    const attributes: Attributes = {
      [attribute.system]: this.#options.system,
      [attribute.operation]: 'send',
      [attribute.operationType]: 'send',
      [attribute.pipeline]: pipeline,
      [attribute.stage]: stage,
      [attribute.destination]: topic,
      [attribute.partition]: String(partition),
      [attribute.attempts]: attempt,
      [attribute.dlqReason]: code,
      [attribute.replayId]: letter,
    }
    const described: Described = {
      id: replay,
      parentId: null,
      name: `replay ${topic}`,
      kind: SpanKind.PRODUCER,
      startUs,
      endUs,
      attributes,
      links: link === null ? [] : [{ context: contextOf(link) }],
    }
    return toReadable(described, this.#resourceOf(replay), this.#options.version)
  }

  *#record(record: TracedRecord, traces: CommittedTraces): Generator<Described> {
    const { traceId, parentId, processId, startUs, endUs, failure } = record
    const place = record.topic ?? traces.source ?? traces.stage
    const first = record.sends[0]
    // What a source reads has no span that wrote it: the first one that writes it stands for it.
    const root = record.topic === null && first?.kind === 'result' ? first : null
    const parent = root?.spanId ?? parentId
    const common = this.#common(traces)
    const origin = { ...common, ...this.#originOf(record, place) }
    const queuedUs = Math.min(record.queuedUs, startUs)
    const waitS = (startUs - queuedUs) / 1_000_000
    const waited: Attributes = { [attribute.wait]: waitS }
    if (record.queuedUs > startUs) waited[attribute.isSkewed] = true
    yield {
      id: { traceId, spanId: record.waitId },
      parentId: parent,
      name: `wait ${place}`,
      kind: SpanKind.INTERNAL,
      startUs: queuedUs,
      endUs: startUs,
      attributes: { ...origin, ...waited },
    }
    yield {
      id: { traceId, spanId: processId },
      parentId: parent,
      name: `process ${place}`,
      kind: SpanKind.CONSUMER,
      startUs,
      endUs,
      attributes: { ...origin, ...waited, ...processed(record, traces) },
      links: linksOf(record),
      failure,
    }
    for (const send of record.sends) {
      const isRoot = send === root
      yield {
        ...this.#send(send, record, traces),
        parentId: isRoot ? parentId : processId,
        startUs: isRoot ? queuedUs : sentUs(send, record, traces),
      }
    }
    yield* this.#calls(record, traces)
    yield* this.#attempts(record, traces)
  }

  #send(send: TracedSend, record: TracedRecord, traces: CommittedTraces): Described {
    const isDead = send.kind === 'dead_letter'
    const name = send.topic ?? traces.sink?.type ?? 'nowhere'
    const attributes: Attributes = {
      ...this.#common(traces),
      ...sent(name, traces),
      [attribute.reason]: record.reason,
    }
    if (send.topic === null) attributes[attribute.sink] = name
    if (traces.source !== null) attributes[attribute.source] = traces.source
    if (isDead && record.failure !== null) attributes[attribute.dlqReason] = record.failure.code
    return {
      id: { traceId: record.traceId, spanId: send.spanId },
      parentId: record.processId,
      name: `send ${name}`,
      kind: SpanKind.PRODUCER,
      startUs: record.endUs,
      endUs: Math.max(record.endUs, traces.committedUs),
      attributes,
      failure: isDead ? record.failure : null,
    }
  }

  /** Of steps that wait for something outside, the first attempt included: it may be all of the record's time. */
  *#calls(record: TracedRecord, traces: CommittedTraces): Generator<Described> {
    const { traceId, processId, attempts = [] } = record
    const counts = new Map<string, number>()
    for (const [index, { step, startUs, endUs, error }] of attempts.entries()) {
      const count = (counts.get(step) ?? 0) + 1
      counts.set(step, count)
      yield {
        id: { traceId, spanId: attemptId(processId, firstCallAttempt + index) },
        parentId: processId,
        name: `attempt ${count}`,
        kind: SpanKind.CLIENT,
        startUs,
        endUs,
        attributes: {
          ...this.#common(traces),
          [attribute.attempt]: count,
          [attribute.step]: step,
        },
        failure: error === null ? null : { code: error, message: '' },
      }
    }
  }

  /** Only where there was more than one: else it is the span that they belong to. */
  *#attempts(record: TracedRecord, traces: CommittedTraces): Generator<Described> {
    const attempts = traces.sink?.attempts ?? []
    if (attempts.length < 2) return
    const { traceId, processId } = record
    const written = record.sends.find(({ topic, kind }) => topic === null && kind === 'result')
    for (const [index, { startUs, endUs, error }] of attempts.entries()) {
      const spanId = attemptId(processId, index)
      yield {
        id: { traceId, spanId },
        parentId: written?.spanId ?? processId,
        name: `attempt ${index + 1}`,
        kind: SpanKind.INTERNAL,
        startUs,
        endUs,
        attributes: { ...this.#common(traces), [attribute.attempt]: index + 1 },
        failure: error === null ? null : { code: error, message: '' },
      }
    }
  }

  #emit(emit: TracedEmit, traces: CommittedTraces): Described {
    const name = emit.topic ?? traces.sink?.type ?? 'nowhere'
    const attributes: Attributes = {
      ...this.#common(traces),
      ...sent(name, traces),
      [attribute.window]: emit.window,
      [attribute.linksLeftOut]: emit.leftOut,
      [attribute.batchRecords]: emit.links.length + emit.leftOut,
    }
    if (Number.isFinite(emit.eventTimeMs))
      attributes[attribute.windowTime] = new Date(emit.eventTimeMs).toISOString()
    const links = emit.links.map(({ traceId, spanId, topic, partition, offset }) => {
      const of: Attributes = { [attribute.partition]: String(partition) }
      if (topic !== null) of[attribute.destination] = topic
      if (offset !== null) of[attribute.offset] = offset
      return { context: contextOf({ traceId, spanId }), attributes: of }
    })
    return {
      id: emit,
      parentId: null,
      name: `emit ${traces.stage}`,
      kind: SpanKind.PRODUCER,
      startUs: emit.startUs,
      endUs: Math.max(emit.startUs, traces.committedUs),
      attributes,
      links,
      failure: emit.failure,
    }
  }

  #common({ pipeline, stage, node, task }: CommittedTraces): Attributes {
    return {
      [attribute.system]: this.#options.system,
      [attribute.pipeline]: pipeline,
      [attribute.stage]: stage,
      [attribute.node]: node,
      [attribute.task]: task,
    }
  }

  #originOf({ topic, partition, offset }: TracedRecord, place: string): Attributes {
    if (topic === null) return { [attribute.source]: place }
    const attributes: Attributes = {
      [attribute.destination]: topic,
      [attribute.partition]: String(partition),
    }
    if (offset === null) return attributes
    const name = this.#options.system === 'kafka' ? attribute.kafkaOffset : attribute.offset
    return { ...attributes, [name]: offset }
  }

  #resourceOf({ pipeline, stage }: Pick<CommittedTraces, 'pipeline' | 'stage'>): Resource {
    const name = `${pipeline}.${stage}`
    const known = this.#resources.get(name)
    if (known !== undefined) return known
    const { serviceName, attributes, instance, version } = this.#options
    const made = resourceFromAttributes({
      ...Object.fromEntries(attributes),
      [attribute.serviceName]: serviceName ?? name,
      [attribute.serviceNamespace]: attributes.get(attribute.serviceNamespace) ?? pipeline,
      [attribute.serviceVersion]: attributes.get(attribute.serviceVersion) ?? version,
      [attribute.serviceInstance]: attributes.get(attribute.serviceInstance) ?? instance,
    })
    this.#resources.set(name, made)
    return made
  }
}

/** No listener is a client of HTTP yet: what it calls is its own affair. */
function hookSpan(hook: TracedHook): Described {
  const { pipeline, stage, event, listener, parentId, outcome, queuedUs, startUs, endUs } = hook
  return {
    id: hook,
    parentId,
    name: `hook ${event}`,
    kind: SpanKind.INTERNAL,
    startUs,
    endUs,
    attributes: {
      [attribute.pipeline]: pipeline,
      [attribute.stage]: stage,
      [attribute.hook]: listener,
      [attribute.hookEvent]: event,
      [attribute.hookOutcome]: outcome,
      [attribute.attempts]: hook.attempts,
      [attribute.wait]: Math.max(0, startUs - queuedUs) / 1_000_000,
    },
    links: hook.links.map((link) => ({ context: contextOf(link) })),
    failure: outcome === 'delivered' ? null : { code: outcome, message: hook.message ?? '' },
  }
}

function processed(record: TracedRecord, traces: CommittedTraces): Attributes {
  const attributes: Attributes = {
    [attribute.operation]: 'process',
    [attribute.operationType]: 'process',
    [attribute.group]: traces.group,
    [attribute.outcome]: record.outcome,
    [attribute.attempts]: Math.max(1, traces.sink?.attempts.length ?? 1),
    [attribute.reason]: record.reason,
  }
  const { windows } = record
  if (windows.length > 0)
    attributes[attribute.window] = windows.length === 1 ? windows[0]! : [...windows]
  return attributes
}

function sent(name: string, { sink }: CommittedTraces): Attributes {
  const attributes: Attributes = {
    [attribute.operation]: 'send',
    [attribute.operationType]: 'send',
    [attribute.destination]: name,
  }
  if (sink !== null) attributes[attribute.attempts] = sink.attempts.length
  return attributes
}

/** A sink is written to after the steps of the whole slice. */
function sentUs(send: TracedSend, record: TracedRecord, { sink }: CommittedTraces): number {
  const startUs = send.topic === null ? sink?.attempts[0]?.startUs : undefined
  return Math.max(record.endUs, startUs ?? record.endUs)
}

/** Beside the parent, as the conventions want: tools that know no parents find it. */
function linksOf({ traceId, parentId, link }: TracedRecord): Link[] {
  if (link !== null) return [{ context: contextOf(link) }]
  return parentId === null ? [] : [{ context: contextOf({ traceId, spanId: parentId }) }]
}

/** Attempts are told apart by their last digits; two records never share the rest. */
/** Behind those of attempts to write to the sink. */
const firstCallAttempt = 1_024

function attemptId(processId: string, index: number): string {
  const last = (Number.parseInt(processId.slice(-4), 16) ^ (index + 1)).toString(16)
  return `${processId.slice(0, -4)}${last.padStart(4, '0')}`
}
