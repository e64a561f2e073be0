import {
  bytesOf,
  doubleOf,
  fieldsOf,
  hexAt,
  messagesAt,
  numberAt,
  textAt,
  type Field,
} from './protobuf-reader.ts'

export type AttributeValue = string | number | boolean | readonly AttributeValue[]
export type Attributes = Readonly<Record<string, AttributeValue>>

/** A span as a collector gets it. */
export interface ReceivedSpan {
  readonly service: string
  readonly resource: Attributes
  readonly scope: string
  readonly schemaUrl: string
  readonly traceId: string
  readonly spanId: string
  /** Empty for a root. */
  readonly parentId: string
  readonly name: string
  readonly kind: (typeof kinds)[number]
  readonly startNs: bigint
  readonly endNs: bigint
  readonly durationMs: number
  readonly attributes: Attributes
  readonly events: readonly { readonly name: string; readonly attributes: Attributes }[]
  readonly links: readonly {
    readonly traceId: string
    readonly spanId: string
    readonly attributes: Attributes
  }[]
  readonly isError: boolean
}

const kinds = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const

/** The spans of an `ExportTraceServiceRequest`. */
export function spansOf(request: Uint8Array): ReceivedSpan[] {
  return messagesAt(fieldsOf(request), 1).flatMap((ofResource) => {
    const [resourceFields = new Map<number, Field[]>()] = messagesAt(ofResource, 1)
    const resource = attributesAt(resourceFields, 1)
    return messagesAt(ofResource, 2).flatMap((ofScope) => {
      const [scope = new Map<number, Field[]>()] = messagesAt(ofScope, 1)
      const of = { resource, scope: textAt(scope, 1), schemaUrl: textAt(ofScope, 3) }
      return messagesAt(ofScope, 2).map((span) => ({
        ...of,
        service: String(resource['service.name']),
        ...spanOf(span),
      }))
    })
  })
}

function spanOf(span: Map<number, Field[]>) {
  const startNs = numberAt(span, 7)
  const endNs = numberAt(span, 8)
  const [status] = messagesAt(span, 15)
  return {
    traceId: hexAt(span, 1),
    spanId: hexAt(span, 2),
    parentId: hexAt(span, 4),
    name: textAt(span, 5),
    kind: kinds[Number(numberAt(span, 6))] ?? 'unspecified',
    startNs,
    endNs,
    durationMs: Number(endNs - startNs) / 1e6,
    attributes: attributesAt(span, 9),
    events: messagesAt(span, 11).map((event) => ({
      name: textAt(event, 2),
      attributes: attributesAt(event, 3),
    })),
    links: messagesAt(span, 13).map((link) => ({
      traceId: hexAt(link, 1),
      spanId: hexAt(link, 2),
      attributes: attributesAt(link, 4),
    })),
    isError: status !== undefined && numberAt(status, 3) === 2n,
  }
}

export function attributesAt(fields: Map<number, Field[]>, number: number): Attributes {
  return Object.fromEntries(
    messagesAt(fields, number).map((pair) => {
      const [value = new Map<number, Field[]>()] = messagesAt(pair, 2)
      return [textAt(pair, 1), valueOf(value)]
    }),
  )
}

function valueOf(value: Map<number, Field[]>): AttributeValue {
  if (value.has(1)) return textAt(value, 1)
  if (value.has(2)) return numberAt(value, 2) === 1n
  if (value.has(3)) return Number(BigInt.asIntN(64, numberAt(value, 3)))
  if (value.has(4)) return doubleOf(numberAt(value, 4))
  return messagesAt(fieldsOf(bytesOf(value.get(5)?.at(-1))), 1).map(valueOf)
}
