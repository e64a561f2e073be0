import type { TestProject } from 'vitest/node'
import { installPackage, isCi } from '../kafka/broker/install-package.ts'
import {
  NoRabbitmqError,
  type RabbitmqAddress,
  type RabbitmqServer,
  startRabbitmq,
} from './rabbitmq-server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** null: this machine has none, and need not have one. */
    readonly rabbitmq: RabbitmqAddress | null
  }
}

/** One server for all files of the project: vitest calls this before the first of them. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  try {
    const server = await startInstalled()
    project.provide('rabbitmq', server.address)
    return () => server.stop()
  } catch (error) {
    if (isCi()) throw error
    process.stderr.write(`\n*** THE RABBITMQ TESTS ARE SKIPPED: ${String(error)}\n\n`)
    project.provide('rabbitmq', null)
    return () => Promise.resolve()
  }
}

/** As root on Debian or Ubuntu, and in CI, it is installed where it is missing. */
async function startInstalled(): Promise<RabbitmqServer> {
  try {
    return await startRabbitmq()
  } catch (error) {
    if (!(error instanceof NoRabbitmqError)) throw error
    await installPackage('RabbitMQ', 'rabbitmq-server')
    return startRabbitmq()
  }
}
