import { readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { messageOf, PipelineError } from '../core/errors.ts'
import type { LoadEnvironment } from './cli-environment.ts'

/** Where container engines mount secrets. */
const defaultFolder = '/run/secrets'
const maxSecretBytes = 64 * 1024

/**
 * The value of a secret: the environment variable of this name, or the file of this name in the
 * secrets folder (`MILLRACE_SECRETS_DIR`) without its last line break. From then on it is masked.
 * @throws PipelineError CONFIG_VARIABLE when the file cannot be read or is too large.
 */
export function readSecret(name: string, environment: LoadEnvironment): string | undefined {
  const value = environment.env[name] ?? readFromFolder(name, environment)
  if (value !== undefined) environment.mask.add(value)
  return value
}

function readFromFolder(name: string, { env, cwd }: LoadEnvironment): string | undefined {
  const path = join(resolve(cwd, env['MILLRACE_SECRETS_DIR'] ?? defaultFolder), name)
  try {
    if (statSync(path).size > maxSecretBytes)
      throw new Error(`it is larger than ${maxSecretBytes} bytes`)
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new PipelineError(
      'CONFIG_VARIABLE',
      `reading the secret ${name} from ${path}: ${messageOf(error)}`,
    )
  }
}
