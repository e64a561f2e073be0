import { startBroker } from '../broker/start-broker.ts'
import type { BrokerOptions, TestBroker } from '../broker/test-broker.ts'
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts'

/** A broker with a listener that clients reach through the proxy alone; its other one is `broker.address`. */
export async function startBehindProxy(
  options: Omit<BrokerOptions, 'listeners'> = {},
): Promise<{ readonly broker: TestBroker; readonly proxy: FaultProxy }> {
  const proxy = await startFaultProxy()
  const broker = await startBroker({
    ...options,
    listeners: { PROXIED: { security: 'PLAINTEXT', advertisedPort: proxy.port } },
  })
  proxy.connectTo(broker.addresses['PROXIED']!)
  return { broker, proxy }
}
