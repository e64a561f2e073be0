import { createHmac, hash } from 'node:crypto'

/** A secret that is written so holds its bytes as base64. */
const encodedSecret = 'whsec_'
const idLength = 32

/** What a receiver can drop a repeated message by: the same for the same event, without a point in it. */
export function messageId(eventId: string): string {
  return `msg_${hash('sha256', eventId, 'hex').slice(0, idLength)}`
}

export interface SignedMessage {
  readonly id: string
  /** Epoch seconds: a receiver refuses what is much older. */
  readonly timestamp: number
  /** Exactly what is sent. */
  readonly body: Uint8Array
}

/**
 * The headers of Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, once for each secret, so that one
 * can be replaced by another.
 */
export function signatureHeaders(
  { id, timestamp, body }: SignedMessage,
  secrets: readonly string[],
): Record<string, string> {
  const signed = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body])
  const signatures = secrets.map(
    (secret) => `v1,${createHmac('sha256', keyOf(secret)).update(signed).digest('base64')}`,
  )
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    ...(signatures.length === 0 ? {} : { 'webhook-signature': signatures.join(' ') }),
  }
}

function keyOf(secret: string): Buffer {
  return secret.startsWith(encodedSecret)
    ? Buffer.from(secret.slice(encodedSecret.length), 'base64')
    : Buffer.from(secret)
}
