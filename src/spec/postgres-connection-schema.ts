import { z } from 'zod'
import { duration } from '../core/config-types.ts'
import { host, password, port, tls } from './server-settings.ts'

const defaultPort = 5432
/** The server cuts longer names off. */
const maxNameLength = 63

/** How a PostgreSQL server is reached. */
export function postgresSettings() {
  return z.strictObject({
    host: host({ allowsSocket: true })
      .default('localhost')
      .describe('The host of the server, or with a `/` in front the folder of its Unix socket.'),
    port: port().default(defaultPort).describe('The port of the server.'),
    database: z.string().min(1).max(maxNameLength).describe('The name of the database.'),
    user: z.string().min(1).max(maxNameLength).describe('The role as which Millrace connects.'),
    password: password()
      .optional()
      .describe(
        'By reference only: `${secret:NAME}`. Left out where a certificate is enough for the server.',
      ),
    tls: tls('the server').describe(
      'Encrypts the connection, or it is not made; a map says by which certificates.',
    ),
    allow_plaintext_password: z
      .boolean()
      .default(false)
      .describe(
        'Answers a server that asks for the password itself, in place of a proof, without TLS and on another machine.',
      ),
    application_name: z
      .string()
      .min(1)
      .max(maxNameLength)
      .default('millrace')
      .describe('How the views and the log of the server call this client.'),
    connect_timeout: duration()
      .prefault('10s')
      .describe('After so long without an answer, connecting is given up and tried again.'),
  })
}
