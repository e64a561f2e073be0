import type { TestProject } from 'vitest/node'
import { installPackage, isCi } from '../kafka/broker/install-package.ts'
import {
  NoPostgresError,
  type PostgresAddress,
  type PostgresServer,
  startPostgres,
} from './postgres-server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** null: this machine has none, and need not have one. */
    readonly postgres: PostgresAddress | null
  }
}

/** One server for all files of the project: vitest calls this before the first of them. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  try {
    const server = await startInstalled()
    project.provide('postgres', server.address)
    return () => server.remove()
  } catch (error) {
    if (isCi()) throw error
    process.stderr.write(`\n*** THE POSTGRESQL TESTS ARE SKIPPED: ${String(error)}\n\n`)
    project.provide('postgres', null)
    return () => Promise.resolve()
  }
}

/** As root on Debian or Ubuntu, and in CI, it is installed where it is missing. */
async function startInstalled(): Promise<PostgresServer> {
  try {
    return await startPostgres()
  } catch (error) {
    if (!(error instanceof NoPostgresError)) throw error
    await installPackage('PostgreSQL', 'postgresql')
    return startPostgres()
  }
}
