import {
  type Attributes,
  type HrTime,
  type Link,
  type SpanContext,
  type SpanKind,
  SpanStatusCode,
  TraceFlags,
} from '@opentelemetry/api'
import type { Resource } from '@opentelemetry/resources'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import type { SpanPlace, TracedRecord } from '../../core/telemetry.ts'
import { attribute, schemaUrl } from './semantic-conventions.ts'

interface Timed {
  readonly name: string
  readonly kind: SpanKind
  readonly startUs: number
  readonly endUs: number
}

export interface Described extends Timed {
  readonly id: SpanPlace
  readonly parentId: string | null
  readonly attributes: Attributes
  readonly links?: readonly Link[]
  readonly failure?: { readonly code: string; readonly message: string } | null
}

type Failure = NonNullable<TracedRecord['failure']>

export function contextOf({ traceId, spanId }: SpanPlace): SpanContext {
  return { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true }
}

/** A span as exporters take it. */
export function toReadable(span: Described, resource: Resource, version: string): ReadableSpan {
  const { id, parentId, name, kind, startUs, endUs, attributes, failure = null } = span
  const context: SpanContext = { ...contextOf(id), isRemote: false }
  const endTime = hrTime(endUs)
  const errors = failure === null ? {} : { [attribute.errorType]: failure.code }
  return {
    name,
    kind,
    spanContext: () => context,
    ...(parentId === null
      ? {}
      : { parentSpanContext: contextOf({ traceId: id.traceId, spanId: parentId }) }),
    startTime: hrTime(startUs),
    endTime,
    duration: hrTime(endUs - startUs),
    status: statusOf(failure),
    attributes: { ...attributes, ...errors },
    links: [...(span.links ?? [])],
    events: failure === null ? [] : [exception(failure, endTime)],
    ended: true,
    resource,
    instrumentationScope: { name: 'millrace', version, schemaUrl },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  }
}

/** Success is left unset, as the conventions want. */
function statusOf(failure: Failure | null): ReadableSpan['status'] {
  if (failure === null) return { code: SpanStatusCode.UNSET }
  return { code: SpanStatusCode.ERROR, message: failure.message }
}

function exception({ code, message }: Failure, time: HrTime): ReadableSpan['events'][number] {
  const attributes = {
    [attribute.exceptionType]: code,
    [attribute.exceptionMessage]: message,
  }
  return { name: 'exception', time, attributes, droppedAttributesCount: 0 }
}

function hrTime(timeUs: number): HrTime {
  const seconds = Math.floor(timeUs / 1_000_000)
  return [seconds, Math.round((timeUs - seconds * 1_000_000) * 1_000)]
}
