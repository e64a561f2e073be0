import { attributesAt, type Attributes } from './otlp-spans.ts'
import {
  bytesOf,
  doubleOf,
  fieldsOf,
  messagesAt,
  numberAt,
  textAt,
  type Field,
} from './protobuf-reader.ts'

/** A metric as a collector gets it. */
export interface ReceivedMetric {
  readonly resource: Attributes
  readonly name: string
  readonly unit: string
  readonly kind: 'gauge' | 'sum' | 'histogram' | 'exponential'
  /** 1: what came since, 2: all since the start; 0 where it says nothing. */
  readonly temporality: number
  readonly points: readonly ReceivedPoint[]
}

export interface ReceivedPoint {
  readonly attributes: Attributes
  readonly startNs: bigint
  readonly timeNs: bigint
  /** Of a gauge or sum. */
  readonly value: number
  readonly count: number
  readonly sum: number
  readonly scale: number
  readonly zeroCount: number
  readonly offset: number
  readonly counts: readonly number[]
}

type Fields = Map<number, Field[]>

const kinds = { 5: 'gauge', 7: 'sum', 9: 'histogram', 10: 'exponential' } as const

/** The metrics of an `ExportMetricsServiceRequest`. */
export function metricsOf(request: Uint8Array): ReceivedMetric[] {
  return messagesAt(fieldsOf(request), 1).flatMap((ofResource) => {
    const [resourceFields = new Map()] = messagesAt(ofResource, 1)
    const resource = attributesAt(resourceFields, 1)
    return messagesAt(ofResource, 2)
      .flatMap((ofScope) => messagesAt(ofScope, 2))
      .map((metric) => ({ resource, ...metricOf(metric) }))
  })
}

function metricOf(metric: Fields) {
  const number = ([5, 7, 9, 10] as const).find((each) => metric.has(each))!
  const [data = new Map()] = messagesAt(metric, number)
  const kind = kinds[number]
  return {
    name: textAt(metric, 1),
    unit: textAt(metric, 3),
    kind,
    temporality: Number(numberAt(data, 2)),
    points: messagesAt(data, 1).map((point) => pointOf(point, kind)),
  }
}

function pointOf(point: Fields, kind: ReceivedMetric['kind']): ReceivedPoint {
  const attributes = { gauge: 7, sum: 7, histogram: 9, exponential: 1 }[kind]
  const isHistogram = kind === 'histogram' || kind === 'exponential'
  const [positive = new Map()] = kind === 'exponential' ? messagesAt(point, 8) : []
  return {
    attributes: attributesAt(point, attributes),
    startNs: numberAt(point, 2),
    timeNs: numberAt(point, 3),
    value: isHistogram ? Number.NaN : doubleOf(numberAt(point, 4)),
    count: isHistogram ? Number(numberAt(point, 4)) : 0,
    sum: isHistogram ? doubleOf(numberAt(point, 5)) : 0,
    scale: kind === 'exponential' ? zigzag(numberAt(point, 6)) : 0,
    zeroCount: kind === 'exponential' ? Number(numberAt(point, 7)) : 0,
    offset: kind === 'exponential' ? zigzag(numberAt(positive, 1)) : 0,
    counts: kind === 'exponential' ? varints(positive.get(2)) : [],
  }
}

function zigzag(value: bigint): number {
  return Number((value >> 1n) ^ -(value & 1n))
}

/** Packed, or one by one. */
function varints(fields: readonly Field[] | undefined): number[] {
  return (fields ?? []).flatMap((field) => {
    if (typeof field === 'bigint') return [Number(field)]
    const numbers: number[] = []
    let value = 0n
    let shift = 0n
    for (const byte of bytesOf(field)) {
      value |= BigInt(byte & 0x7f) << shift
      shift += 7n
      if (byte >= 0x80) continue
      numbers.push(Number(value))
      value = 0n
      shift = 0n
    }
    return numbers
  })
}
