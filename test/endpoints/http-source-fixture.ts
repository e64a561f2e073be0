import type { EndpointEnvironment } from '../../src/core/endpoints.ts'
import type { JsonValue } from '../../src/core/json.ts'
import { httpSource } from '../../src/endpoints/sources/http.ts'
import { aNetwork, sendTo, SourceDriver, until, type Sent } from './http-fixture.ts'

export const json = { 'content-type': 'application/json' }

interface Opening {
  readonly setting?: Record<string, unknown>
  readonly commits?: boolean
  readonly positions?: ReadonlyMap<string, JsonValue>
  readonly environment?: Partial<EndpointEnvironment>
}

/** An http source that listens, and is read as by a stage. */
export async function anHttpSource({
  setting = {},
  commits = true,
  positions,
  environment,
}: Opening = {}) {
  const network = aNetwork(environment)
  const config = httpSource.config.parse({ path: '/in', port: 0, ...setting })
  const source = httpSource.create(config, network, positions ?? new Map())
  const driver = new SourceDriver(source, { commits })
  await Promise.race([until(() => network.listening.routes.length > 0), driver.failed])
  const { port } = network.listening.routes[0]!
  return { ...network, driver, port, send: (sent: Sent) => sendTo(port, sent) }
}
