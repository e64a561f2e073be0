import plain from 'kafkajs/src/broker/saslAuthenticator/plain.js'
import scram256 from 'kafkajs/src/broker/saslAuthenticator/scram256.js'
import scram512 from 'kafkajs/src/broker/saslAuthenticator/scram512.js'
import { messageOf } from '../../../core/errors.ts'
import type { KafkaSasl } from '../../../core/kafka-connection.ts'
import type { NameSetting } from './connection-setting.ts'
import { KafkaError } from './kafka-error.ts'

/** A server can ask for any number of rounds of hashing; Kafka's own limit is 16,384. */
const maxScramIterations = 1_000_000

const providers = { plain, 'scram-sha-256': scram256, 'scram-sha-512': scram512 }

/**
 * The login of kafkajs, which checks the nonce, the least number of iterations and the server's
 * signature, with an upper limit for the iterations; and with errors that tell a refused password
 * from a lost connection, which kafkajs wraps alike.
 */
export function saslLogin(
  { mechanism, username, password }: KafkaSasl,
  { mask, name }: { readonly mask: (text: string) => string; readonly name: NameSetting },
): { readonly mechanism: string; readonly authenticationProvider: KafkaJsSaslProvider } {
  const authenticationProvider: KafkaJsSaslProvider = (to) => {
    let lost: KafkaError | null = null
    const saslAuthenticate = async (message: unknown) => {
      try {
        const answer = await to.saslAuthenticate(message)
        checkIterations(answer)
        return answer
      } catch (error) {
        if (error instanceof KafkaError) lost = error
        throw error
      }
    }
    const login = providers[mechanism]({ username, password })({ ...to, saslAuthenticate })
    const authenticate = async () => {
      try {
        await login.authenticate()
      } catch (error) {
        if (lost !== null) throw lost
        throw new KafkaError(
          { code: 'SASL_AUTHENTICATION_FAILED', kind: 'config' },
          `logging in at ${to.host}:${to.port} as "${username}": ${mask(messageOf(error))}; check ${name('sasl.username')}, ${name('sasl.password')} and ${name('sasl.mechanism')}`,
          { cause: error },
        )
      }
    }
    return { authenticate }
  }
  return { mechanism: mechanism.toUpperCase(), authenticationProvider }
}

function checkIterations(answer: unknown): void {
  if (typeof answer !== 'object' || answer === null || !('i' in answer)) return
  if (!(Number(answer.i) <= maxScramIterations)) {
    throw new Error(
      `the server asks for ${String(answer.i)} iterations of SCRAM, more than ${maxScramIterations}`,
    )
  }
}
