import { startContainerBroker } from './container-broker.ts'
import { useExternalBroker } from './external-broker.ts'
import { startJavaBroker } from './java-broker.ts'
import { type BrokerOptions, NoBrokerError, type TestBroker } from './test-broker.ts'

const ways: readonly (readonly [
  name: string,
  start: (options: BrokerOptions) => Promise<TestBroker>,
])[] = [
  ['KAFKA_BROKERS', useExternalBroker],
  ['Docker', startContainerBroker],
  ['Java and Maven', startJavaBroker],
]

/**
 * A real broker, by the first way that this machine allows. Throws NoBrokerError, which names all ways
 * with what each of them lacks.
 */
export async function startBroker(options: BrokerOptions = {}): Promise<TestBroker> {
  const lacking: string[] = []
  for (const [name, start] of ways) {
    try {
      return await start(options)
    } catch (error) {
      if (!(error instanceof NoBrokerError)) throw error
      lacking.push(`- ${name}: ${error.message}`)
      if (error.isSurprising) process.stderr.write(`no broker by ${name}: ${error.message}\n`)
    }
  }
  throw new NoBrokerError(`there is no Kafka broker for this test:\n${lacking.join('\n')}`)
}
