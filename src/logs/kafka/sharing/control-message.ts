import { decodeJson, encodeJson, isJsonObject } from '../../../core/json.ts'

/** What a worker tells the others about one of its tasks. */
export interface ControlMessage {
  /** Of the workers that have worked together without a break: what was said before does not count. */
  readonly session: string
  readonly hasEnded: boolean
  /** Epoch µs; null while it has something to do. */
  readonly quietSinceUs: number | null
}

export function encodeControl({ session, hasEnded, quietSinceUs }: ControlMessage): string {
  return encodeJson({ version: 1, session, ended: hasEnded, quiet_since_us: quietSinceUs })
}

/** null for what no version that this one knows has written. */
export function decodeControl(text: string | null): ControlMessage | null {
  try {
    const value = text === null ? null : decodeJson(text)
    if (!isJsonObject(value) || value['version'] !== 1) return null
    const { session, ended, quiet_since_us: quietSinceUs } = value
    if (typeof session !== 'string' || typeof ended !== 'boolean') return null
    if (quietSinceUs !== null && typeof quietSinceUs !== 'number') return null
    return { session, hasEnded: ended, quietSinceUs }
  } catch {
    return null
  }
}
