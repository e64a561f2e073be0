import { z } from 'zod'
import { TextFile } from '../core/expression.ts'
import { brokerAddress, isPem, revealsPassword, saslMechanisms } from '../core/kafka-connection.ts'

const brokerMessage = 'a broker is HOST:PORT'

function broker() {
  return z
    .string()
    .refine((text) => brokerAddress(text) !== null, brokerMessage)
    .transform((text) => brokerAddress(text) ?? text)
}

/** A file, or with a secret its text. */
function pem(example: string) {
  return z
    .string()
    .min(1)
    .meta({ format: 'file', examples: [example] })
    .transform((text) => (isPem(text) ? text : new TextFile(text)))
}

function tlsSettings() {
  return z
    .strictObject({
      ca: pem('./ca.pem')
        .optional()
        .describe(
          'PEM file of who signs the certificates of the brokers; by default those of Node.',
        ),
      cert: pem('./client.pem')
        .optional()
        .describe('PEM file of the certificate by which this client is known.'),
      key: pem('./client-key.pem')
        .optional()
        .describe('PEM file of its private key, or the key as `${secret:NAME}`.'),
      server_name: z
        .string()
        .min(1)
        .optional()
        .describe('The name in the certificates of the brokers, where it is not in their address.'),
      insecure_skip_verify: z
        .boolean()
        .default(false)
        .describe('Takes any certificate: whoever is in between can then read and change all.'),
    })
    .superRefine(({ cert, key }, context) => {
      if ((cert === undefined) === (key === undefined)) return
      const missing = cert === undefined ? 'cert' : 'key'
      const message = `a certificate and its private key go together: "${missing}" is missing`
      context.addIssue({ code: 'custom', path: [], message })
    })
}

function saslSettings() {
  return z.strictObject({
    mechanism: z.enum(saslMechanisms).describe('How the password is proved.'),
    username: z.string().min(1).describe('The user of the cluster.'),
    password: z.string().min(1).describe('By reference only: `${secret:NAME}`.'),
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
      tls: z
        .union([z.boolean(), tlsSettings()])
        .default(false)
        .describe('Encrypts the connections; a map says by which certificates.'),
      sasl: saslSettings().optional().describe('The user as whom Millrace connects.'),
      allow_plaintext_password: z
        .boolean()
        .default(false)
        .describe('Lets SASL PLAIN send its password without TLS.'),
    })
    .superRefine(({ sasl = null, tls, allow_plaintext_password }, context) => {
      const allowPlaintextPassword = allow_plaintext_password
      if (!revealsPassword({ sasl, isEncrypted: tls !== false, allowPlaintextPassword })) return
      context.addIssue({ code: 'custom', path: ['sasl', 'mechanism'], message: plaintextMessage })
    })
}

export type KafkaSettings = z.output<ReturnType<typeof kafkaSettings>>

/** What `connections:` can name. */
export const connectionDefinitions = [
  { type: 'kafka', summary: 'A Kafka cluster.', config: kafkaSettings() },
] as const
