import { describe, inject } from 'vitest'
import type { SharedBroker } from './shared-broker.ts'

const broker = inject('kafka')

/** The broker that all test files use: give topics, groups and transactional ids names of their own. */
export const sharedBroker: SharedBroker = broker ?? {
  address: 'no broker: these tests are skipped',
}

/**
 * `describe` for tests that need a broker; skipped where there is none (never in CI). All hooks and
 * tests of a file that need one, also one of their own, stand inside.
 */
// oxlint-disable-next-line vitest/valid-describe-callback, vitest/valid-title -- the files give both
export const describeWithKafka = describe.skipIf(broker === null)
