import { installPackage } from './broker/install-package.ts'
import { runCommand } from './broker/run-command.ts'
import { NoBrokerError } from './broker/test-broker.ts'

/** Whether there is a kcat, or one could be installed; else says loudly why not. */
export async function haveKcat(): Promise<boolean> {
  if (await answers()) return true
  try {
    await installPackage('kcat', 'kcat')
    return await answers()
  } catch (error) {
    if (!(error instanceof NoBrokerError)) throw error
    process.stderr.write(`\n*** THE TESTS WITH KCAT ARE SKIPPED: ${error.message}\n\n`)
    return false
  }
}

/** @returns what it wrote; throws what it said when its exit code is not 0. */
export async function kcat(args: readonly string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await runCommand('kcat', args, { input })
  if (code !== 0) throw new Error(`kcat: ${stderr}`)
  return stdout
}

async function answers(): Promise<boolean> {
  return (await runCommand('kcat', ['-V'])).code === 0
}
