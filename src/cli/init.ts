import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { messageOf, PipelineError } from '../core/errors.ts'
import { exitCodes, say, type CliEnvironment, type ExitCode } from './cli-environment.ts'
import { schemaText } from './package-files.ts'
import { ignoredPaths, pipelineFileName, scaffoldFiles, schemaFileName } from './scaffold.ts'

const gitignore = '.gitignore'

export async function init(
  dir: string,
  { force = false }: { force?: boolean },
  environment: CliEnvironment,
): Promise<ExitCode> {
  const folder = resolve(environment.cwd, dir)
  const files = { ...scaffoldFiles, [schemaFileName]: schemaText() }
  const existing = Object.keys(files).filter((name) => existsSync(join(folder, name)))
  if (existing.length > 0 && !force) {
    throw new PipelineError(
      'CONFIG_USAGE',
      `${dir} has ${existing.join(', ')} already; choose another folder, or overwrite with --force`,
    )
  }
  writing(dir, () => mkdirSync(folder, { recursive: true }))
  for (const [name, text] of Object.entries(files))
    writing(join(dir, name), () => writeFileSync(join(folder, name), text))
  writing(join(dir, gitignore), () => extendIgnored(join(folder, gitignore)))
  const shown = relative(environment.cwd, folder)
  const go = shown === '' ? '' : `cd ${shown.includes(' ') ? `'${shown}'` : shown} && `
  say(
    environment,
    `Wrote ${[...Object.keys(files), gitignore].join(', ')}${shown === '' ? '' : ` in ${shown}`}.`,
  )
  say(environment, `Run it:    ${go}millrace run ${pipelineFileName}`)
  say(environment, `Test it:   ${go}millrace test ${pipelineFileName}`)
  return exitCodes.ok
}

/** Keeps what is there: the folder may be a project already. */
function extendIgnored(file: string): void {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const lines = new Set(text.split(/\r?\n/))
  const missing = ignoredPaths.filter((path) => !lines.has(path))
  if (missing.length === 0) return
  const separator = text === '' || text.endsWith('\n') ? '' : '\n'
  writeFileSync(file, `${text}${separator}${missing.join('\n')}\n`)
}

function writing(path: string, write: () => void): void {
  try {
    write()
  } catch (error) {
    throw new PipelineError(
      'CONFIG_FILE',
      `writing ${path}: ${messageOf(error)}; choose another folder, or change its permissions`,
      { cause: error },
    )
  }
}
