import { z } from 'zod'
import { brokerAddress, revealsPassword, saslMechanisms } from '../core/kafka-connection.ts'
import { password, tls } from './server-settings.ts'
import { unquoted } from './unquoted.ts'

/** A whole address, in which there may be a password, is not repeated. */
const brokerRule = { message: 'a broker is HOST:PORT', params: unquoted }

function broker() {
  return z
    .string()
    .refine((text) => brokerAddress(text) !== null, brokerRule)
    .transform((text) => brokerAddress(text) ?? text)
}

function saslSettings() {
  return z.strictObject({
    mechanism: z.enum(saslMechanisms).describe('How the password is proved.'),
    username: z.string().min(1).describe('The user of the cluster.'),
    password: password().describe('By reference only: `${secret:NAME}`.'),
  })
}

const plaintextMessage =
  'SASL PLAIN would send the password unencrypted: use "tls: true", or a mechanism scram-sha-256 or scram-sha-512; "allow_plaintext_password: true" allows it all the same'

/** How a Kafka cluster is reached. */
export function kafkaSettings() {
  return z
    .strictObject({
      brokers: z
        .union([broker(), z.array(broker()).min(1)])
        .transform((brokers) => [...new Set([brokers].flat())])
        .describe(
          '`HOST:PORT` of a broker, or a list of some; each leads to the rest of the cluster.',
        ),
      tls: tls('the brokers').describe(
        'Encrypts the connections; a map says by which certificates.',
      ),
      sasl: saslSettings().optional().describe('The user as whom Millrace connects.'),
      allow_plaintext_password: z
        .boolean()
        .default(false)
        .describe('Lets SASL PLAIN send its password without TLS.'),
    })
    .superRefine(({ sasl = null, tls: setting, allow_plaintext_password }, context) => {
      const allowPlaintextPassword = allow_plaintext_password
      if (!revealsPassword({ sasl, isEncrypted: setting !== false, allowPlaintextPassword })) return
      context.addIssue({ code: 'custom', path: ['sasl', 'mechanism'], message: plaintextMessage })
    })
}
