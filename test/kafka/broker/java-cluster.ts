import { startJavaBroker } from './java-broker.ts'
import { freePorts } from './ports.ts'
import type { TestBroker } from './test-broker.ts'

export interface TestCluster {
  /** `host:port` of all nodes, with commas, in plain text. */
  readonly address: string
  /** The first one has id 1. */
  readonly nodes: readonly TestBroker[]
  stop(): Promise<void>
}

/**
 * Several brokers that have a copy of everything, each of them a controller as well. Always by Java,
 * which the tests need in any case; of three, one may be away.
 */
export async function startCluster(size: number): Promise<TestCluster> {
  const controllerPorts = await freePorts(size)
  // None of them answers before most of them are there.
  const started = await Promise.allSettled(
    controllerPorts.map((_, index) =>
      startJavaBroker({ own: true, node: { id: index + 1, controllerPorts } }),
    ),
  )
  const nodes = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.stop()))
  }
  const failed = started.find((each) => each.status === 'rejected')
  if (failed !== undefined) {
    await stop()
    throw failed.reason
  }
  return { address: nodes.map(({ address }) => address).join(','), nodes, stop }
}
