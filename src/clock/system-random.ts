import type { Random } from '../core/clock.ts'

export function createSystemRandom(): Random {
  return { next: () => Math.random() }
}
