import { hash } from 'node:crypto'

/**
 * Ids of traces and spans come from what they are about, so that whoever works on the record a second
 * time, after a crash or in another process, makes the same ones.
 */

const unit = '\u0000'

/** 32 hexadecimal digits. */
export function traceIdOf(...subject: readonly (string | number | bigint)[]): string {
  return hash('sha256', subject.join(unit), 'hex').slice(0, 32)
}

/** 16 hexadecimal digits. */
export function spanIdOf(
  traceId: string,
  ...subject: readonly (string | number | bigint)[]
): string {
  return hash('sha256', `${traceId}${unit}${subject.join(unit)}`, 'hex').slice(0, 16)
}
