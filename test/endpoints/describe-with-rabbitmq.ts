import { describe, inject } from 'vitest'
import type { RabbitmqAddress } from './rabbitmq-server.ts'

const server = inject('rabbitmq')

/** The server that all test files use: give queues names of their own, and leave it running. */
export const sharedRabbitmq: RabbitmqAddress = server ?? {
  host: 'no server: these tests are skipped',
  port: 0,
  user: '',
  password: '',
}

/** `describe` for tests that need a server; skipped where there is none (never in CI). */
// oxlint-disable-next-line vitest/valid-describe-callback, vitest/valid-title -- the files give both
export const describeWithRabbitmq = describe.skipIf(server === null)
