import { z } from 'zod'
import { isLoopback, isPem } from '../core/connection-tls.ts'
import { TextFile } from '../core/expression.ts'
import { unquoted } from './unquoted.ts'

/** Settings that connections of several types have. */

const maxPort = 65_535
const hostPattern =
  /^(?:\[[0-9A-Fa-f:.]+\]|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+|[A-Za-z0-9][A-Za-z0-9._-]*)$/
const hostOrSocketPattern = new RegExp(`${hostPattern.source}|^/`)

const hostMessage =
  'a host is a name or an address, such as db.example.com; port, user and password have settings of their own'

/** A host; brackets around an IPv6 address are left out. */
export function host({ allowsSocket = false } = {}) {
  const pattern = allowsSocket ? hostOrSocketPattern : hostPattern
  return (
    z
      .string()
      .min(1)
      // In a whole address there may be a password.
      .refine((text) => pattern.test(text), { message: hostMessage, params: unquoted })
      .meta({ examples: ['localhost', 'db.example.com'] })
      .transform((text) => text.replaceAll(/^\[|\]$/g, ''))
  )
}

export function port() {
  return z.int().min(1).max(maxPort)
}

export function password() {
  return z.string().min(1)
}

/** A file, or with a secret its text. */
function pem(example: string) {
  return z
    .string()
    .min(1)
    .meta({ format: 'file', examples: [example] })
    .transform((text) => (isPem(text) ? text : new TextFile(text)))
}

/** @param server how descriptions call it, such as `the brokers`. */
export function tls(server: string) {
  return z.union([z.boolean(), tlsSettings(server)]).default(false)
}

function tlsSettings(server: string) {
  return z
    .strictObject({
      ca: pem('./ca.pem')
        .optional()
        .describe(`PEM file of who signs the certificates of ${server}; by default those of Node.`),
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
        .describe(`The name in the certificates of ${server}, where it is not in their address.`),
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

export type TlsSetting = z.output<ReturnType<typeof tls>>

/** Whether others could read a password that is sent as it is. */
export function isOpen({ host: name, tls: setting }: { host: string; tls: TlsSetting }): boolean {
  return setting === false && !isLoopback(name)
}
