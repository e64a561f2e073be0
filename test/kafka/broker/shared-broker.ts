import type { TestProject } from 'vitest/node'
import { askOwnKafkaTool } from '../java/java-process.ts'
import { shareTool } from '../java/shared-tool.ts'
import { isCi } from './install-package.ts'
import { startBroker } from './start-broker.ts'
import { NoBrokerError } from './test-broker.ts'

/** What test files see of the broker that they share. */
export interface SharedBroker {
  /** `host:port`, in plain text; several with commas when KAFKA_BROKERS names several. */
  readonly address: string
}

declare module 'vitest' {
  interface ProvidedContext {
    /** null: this machine has none, and need not have one. */
    readonly kafka: SharedBroker | null
  }
}

/** One broker and one KafkaTool for all files of a project: vitest calls this before the first of them. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  try {
    const broker = await startBroker()
    project.provide('kafka', { address: broker.address })
    const unshare = await shareTool(askOwnKafkaTool)
    return () => {
      unshare()
      return broker.stop()
    }
  } catch (error) {
    if (!(error instanceof NoBrokerError) || isCi()) throw error
    process.stderr.write(`\n*** THE KAFKA TESTS ARE SKIPPED: ${error.message}\n\n`)
    project.provide('kafka', null)
    return () => Promise.resolve()
  }
}
