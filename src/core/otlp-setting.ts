import type { OtelVariables } from './otel-variables.ts'

/** How a collector is reached, for one kind of telemetry. */
export interface OtlpSetting {
  /** The whole URL: with the path of the kind (`/v1/traces`) over http, without one over grpc. */
  readonly endpoint: string
  readonly protocol: OtlpProtocol
  readonly headers: ReadonlyMap<string, string>
  /** Of one export. */
  readonly timeoutMs: number
  readonly compression: 'none' | 'gzip'
  /** Paths of PEM files, for TLS; null where they are not named. */
  readonly certificate: string | null
  readonly clientKey: string | null
  readonly clientCertificate: string | null
  /** Values that must not be shown. */
  readonly secrets: readonly string[]
}

const protocols = ['http/protobuf', 'grpc'] as const
export type OtlpProtocol = (typeof protocols)[number]
const compressions = ['none', 'gzip'] as const
const maxTimeoutMs = 600_000
const minSecretLength = 8
const defaultEndpoints = { 'http/protobuf': 'http://localhost:4318', grpc: 'http://localhost:4317' }

/**
 * null where nothing is to be sent: the exporters are named and `otlp` is not among them, or neither they
 * nor an endpoint are.
 */
export function otlpSetting(
  variables: OtelVariables,
  kind: 'TRACES' | 'METRICS',
  exporters: readonly string[] | null,
): OtlpSetting | null {
  const names = (name: string) => [
    `OTEL_EXPORTER_OTLP_${kind}_${name}`,
    `OTEL_EXPORTER_OTLP_${name}`,
  ]
  const [own = ''] = names('ENDPOINT')
  const endpoint = variables.firstText(names('ENDPOINT'))
  if (!(exporters?.includes('otlp') ?? endpoint !== null)) return null
  const protocol = variables.choice(names('PROTOCOL'), protocols, protocols[0])
  const isInsecure = variables.isTrue(...names('INSECURE'))
  const given = endpoint?.text ?? defaultEndpoints[protocol]
  const url = urlOf(given, { protocol, isInsecure })
  if (url === null) {
    variables.warn(endpoint?.name ?? own, 'is no http or https URL, so nothing is sent')
    return null
  }
  if (protocol === 'grpc') url.pathname = ''
  else if (endpoint?.name !== own)
    url.pathname = `${url.pathname.replace(/\/+$/, '')}/v1/${kind.toLowerCase()}`
  const headers = variables.pairs(names('HEADERS'))
  const file = (name: string) => variables.firstText(names(name))?.text ?? null
  return {
    endpoint: url.href,
    protocol,
    headers,
    timeoutMs: variables.integer(names('TIMEOUT'), { fallback: 10_000, min: 1, max: maxTimeoutMs }),
    compression: variables.choice(names('COMPRESSION'), compressions, 'none'),
    certificate: file('CERTIFICATE'),
    clientKey: file('CLIENT_KEY'),
    clientCertificate: file('CLIENT_CERTIFICATE'),
    secrets: secretsOf([...headers.values(), decoded(url.password)]),
  }
}

/** Also of `Bearer <token>` the token. A short one is none, and would hide every word that holds it. */
function secretsOf(values: readonly string[]): string[] {
  return values
    .flatMap((value) => [value, ...value.split(' ')])
    .filter((text) => text.length >= minSecretLength)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Over grpc an endpoint may come without a scheme; then it says itself whether it is secure. */
function urlOf(
  text: string,
  { protocol, isInsecure }: { readonly protocol: OtlpProtocol; readonly isInsecure: boolean },
): URL | null {
  const isBare = protocol === 'grpc' && !text.includes('://')
  const whole = isBare ? `${isInsecure ? 'http' : 'https'}://${text}` : text
  const url = URL.parse(whole)
  return url !== null && /^https?:$/.test(url.protocol) && url.hostname !== '' ? url : null
}
