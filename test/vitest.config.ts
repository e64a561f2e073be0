import { defineConfig } from 'vitest/config'

/** Node runs the TypeScript files itself, as in production: no transform comes between. */
const experimental = { viteModuleRunner: false, nodeLoader: false }

/** Tests of the embedded log start and kill processes, damage files and fill disks, which takes its time. */
const storageTests = 'test/logs/embedded/*.test.ts'

const kafkaTests = 'test/kafka/**/*.test.ts'
/** What takes long, and has a shorter counterpart among the others. */
const longKafkaTests = 'test/kafka/**/*.long.test.ts'
const kafka = {
  experimental,
  globalSetup: ['test/kafka/broker/shared-broker.ts'],
  testTimeout: 60_000,
  hookTimeout: 60_000,
}

/** Sources and sinks with the servers that they are for. */
const serverTests = 'test/endpoints/**/*.server.test.ts'

export default defineConfig({
  test: {
    experimental,
    projects: [
      {
        test: {
          name: 'unit',
          experimental,
          // No module of ours keeps anything: files can share them, which halves the time.
          isolate: false,
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', 'test/judges/**', 'test/kafka/**', storageTests, serverTests],
          // All take less than a second on a quiet machine.
          testTimeout: 30_000,
        },
      },
      { test: { name: 'storage', experimental, include: [storageTests] } },
      {
        test: {
          name: 'e2e',
          experimental,
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 60_000,
          // Each of them starts processes that want a core of their own.
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'judges',
          experimental,
          include: ['test/judges/**/*.test.ts'],
          globalSetup: ['test/judges/zipkin.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'endpoints',
          experimental,
          include: [serverTests],
          globalSetup: ['test/endpoints/shared-postgres.ts', 'test/endpoints/shared-rabbitmq.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          ...kafka,
          name: 'kafka',
          include: [kafkaTests],
          exclude: [longKafkaTests],
          // They wait for sessions and brokers, most of the time.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...kafka,
          name: 'kafka-long',
          include: [longKafkaTests],
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
