import { describe, inject } from 'vitest'
import type { PostgresAddress } from './postgres-server.ts'

const server = inject('postgres')

/** The server that all test files use: give tables names of their own, and leave it running. */
export const sharedPostgres: PostgresAddress = server ?? {
  host: 'no server: these tests are skipped',
  port: 0,
  database: '',
  user: '',
  password: '',
}

/** `describe` for tests that need a server; skipped where there is none (never in CI). */
// oxlint-disable-next-line vitest/valid-describe-callback, vitest/valid-title -- the files give both
export const describeWithPostgres = describe.skipIf(server === null)
