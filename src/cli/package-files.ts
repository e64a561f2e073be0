import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { messageOf, PipelineError } from '../core/errors.ts'

/** The package's folder: two levels up from here, in `src/` as in `dist/`. */
const root = new URL('../../', import.meta.url)

export function packageVersion(): string {
  const manifest = JSON.parse(readPackageFile('package.json')) as { version: string }
  return manifest.version
}

export function schemaText(): string {
  return readPackageFile('schemas/pipeline.schema.json')
}

function readPackageFile(path: string): string {
  const file = fileURLToPath(new URL(path, root))
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new PipelineError(
      'CONFIG_FILE',
      `reading ${file}: ${messageOf(error)}; it is a part of Millrace, install Millrace again`,
      { cause: error },
    )
  }
}
