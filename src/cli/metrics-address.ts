import { isIP } from 'node:net'
import { PipelineError } from '../core/errors.ts'
import type { TelemetrySetting } from '../core/telemetry-setting.ts'

export interface MetricsAddress {
  readonly host: string
  readonly port: number
  /** Whether other machines may reach it. */
  readonly isOpen: boolean
  /** Whether the run is to stop where it cannot be had: who names it on the command line wants it. */
  readonly isRequired: boolean
}

const loopback = '127.0.0.1'
const maxPort = 65_535

/**
 * Where metrics are served: as the command line says, else as the environment does; null for nowhere.
 * @throws PipelineError CONFIG_USAGE
 */
export function metricsAddress(
  options: { readonly metrics?: string; readonly metricsOpen?: boolean },
  { metrics: { prometheus } }: TelemetrySetting,
): MetricsAddress | null {
  const said = options.metrics === undefined ? null : parsed(options.metrics)
  const address = said ?? prometheus
  if (address === null) return null
  const isOpen = options.metricsOpen === true
  if (!isOpen && !isLoopback(address.host)) {
    throw new PipelineError(
      'CONFIG_USAGE',
      `metrics at ${shownAddress(address)} could be read by everybody who reaches this machine; serve ` +
        `them at ${loopback}:${address.port}, or add --metrics-open if that is meant`,
    )
  }
  // The name may be another address first, where who asks looks at this one.
  const host = isLocalName(address.host) ? loopback : address.host
  return { host, port: address.port, isOpen, isRequired: said !== null }
}

export function shownAddress({ host, port }: { host: string; port: number }): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
}

/** `9464`, `:9464`, `127.0.0.1:9464`, `localhost:9464`, `[::1]:9464`. */
function parsed(text: string): { host: string; port: number } {
  const [, host = '', port = ''] =
    /^(?:(\[[0-9a-fA-F:.]+\]|[^:[\]/\s]*):)?(\d{1,5})$/.exec(text) ?? []
  if (port === '' || Number(port) > maxPort) {
    throw new PipelineError(
      'CONFIG_USAGE',
      `--metrics ${text}: an address is HOST:PORT, such as ${loopback}:9464, or a port`,
    )
  }
  return { host: host === '' ? loopback : host.replace(/^\[|\]$/g, ''), port: Number(port) }
}

function isLocalName(host: string): boolean {
  return host.toLowerCase() === 'localhost'
}

function isLoopback(host: string): boolean {
  if (isLocalName(host) || host === '::1') return true
  return isIP(host) === 4 && host.startsWith('127.')
}
