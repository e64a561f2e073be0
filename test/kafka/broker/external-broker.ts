import { isAnswering } from './answering.ts'
import { type BrokerOptions, NoBrokerError, type TestBroker } from './test-broker.ts'

/** The cluster that KAFKA_BROKERS names, for tests that leave it as it is. */
export async function useExternalBroker(options: BrokerOptions): Promise<TestBroker> {
  const brokers = process.env['KAFKA_BROKERS'] ?? ''
  if (brokers === '') throw new NoBrokerError('not set')
  if (needsOwnBroker(options)) {
    throw new NoBrokerError('names a cluster, but this test sets up and stops a broker of its own')
  }
  const address = brokers.split(',')[0]!.trim()
  if (!(await isAnswering(address))) throw new NoBrokerError(`no broker answers at ${address}`)
  const refuse = () =>
    Promise.reject(new Error(`the broker at ${address} is not ours to kill or restart`))
  return {
    address: brokers,
    addresses: { DIRECT: brokers },
    way: 'KAFKA_BROKERS',
    certificates: null,
    kill: refuse,
    restart: refuse,
    stop: () => Promise.resolve(),
  }
}

function needsOwnBroker(options: BrokerOptions): boolean {
  return Object.keys(options).length > 0 && options.own !== false
}
