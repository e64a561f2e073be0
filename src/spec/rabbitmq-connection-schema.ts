import { z } from 'zod'
import { duration } from '../core/config-types.ts'
import { host, isOpen, password, port, tls } from './server-settings.ts'

const defaultPorts = { plain: 5672, tls: 5671 } as const
const maxNameLength = 255

const plaintextMessage =
  'the password would be sent unencrypted to another machine: use "tls: true"; "allow_plaintext_password: true" allows it all the same'

/** How a RabbitMQ server is reached. */
export function rabbitmqSettings() {
  return z
    .strictObject({
      host: host().default('localhost').describe('The host of the server.'),
      port: port()
        .optional()
        .describe(
          `The port of the server; by default ${defaultPorts.plain}, and ${defaultPorts.tls} with TLS.`,
        ),
      vhost: z.string().min(1).max(maxNameLength).default('/').describe('The virtual host.'),
      user: z.string().min(1).max(maxNameLength).describe('The user as whom Millrace connects.'),
      password: password().describe('By reference only: `${secret:NAME}`.'),
      tls: tls('the server').describe('Encrypts the connection; a map says by which certificates.'),
      allow_plaintext_password: z
        .boolean()
        .default(false)
        .describe('Sends the password to another machine without TLS.'),
      connection_name: z
        .string()
        .min(1)
        .max(maxNameLength)
        .default('millrace')
        .describe('How the management of the server calls this client.'),
      heartbeat: duration()
        .prefault('10s')
        .describe('How often both sides give a sign of life; after two without one they part.'),
      connect_timeout: duration()
        .prefault('10s')
        .describe('After so long without an answer, connecting is given up and tried again.'),
    })
    .superRefine((settings, context) => {
      if (settings.allow_plaintext_password || !isOpen(settings)) return
      context.addIssue({ code: 'custom', path: ['host'], message: plaintextMessage })
    })
    .transform((settings) => ({
      ...settings,
      port: settings.port ?? defaultPorts[settings.tls === false ? 'plain' : 'tls'],
    }))
}
