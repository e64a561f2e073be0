/** Certificates and the key as PEM text; null where there is none. */
export interface ConnectionTls {
  /** Who signs the servers' certificates; null: those that Node trusts. */
  readonly ca: string | null
  /** This client's certificate and private key. */
  readonly cert: string | null
  readonly key: string | null
  /** The name that the servers' certificates must have; null: that of the server's address. */
  readonly serverName: string | null
  readonly insecureSkipVerify: boolean
}

/** PEM text begins so; anything else that stands for a certificate is the path of a file. */
export function isPem(text: string): boolean {
  return text.trimStart().startsWith('-----BEGIN ')
}

const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?|\/.*)$/i

/** Whether what is sent to this host, or socket below this folder, stays on the machine. */
export function isLoopback(host: string): boolean {
  return loopback.test(host)
}
