import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generatedFiles, staleFiles } from './generated-files.ts'

/** `node src/docgen/generate.ts` writes what is generated; with `--check` it says what is stale. */
const root = fileURLToPath(new URL('../..', import.meta.url))
const files = await generatedFiles(root)
const outlived = staleFiles(root, files)
const changed = [...files].filter(([name, text]) => {
  const file = join(root, name)
  return !existsSync(file) || readFileSync(file, 'utf8') !== text
})

if (process.argv.includes('--check')) {
  const names = [...changed.map(([name]) => name), ...outlived]
  if (names.length > 0) {
    process.stderr.write(`stale, run npm run gen:\n${names.map((name) => `  ${name}\n`).join('')}`)
    process.exitCode = 1
  }
} else {
  for (const [name, text] of changed) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), text)
  }
  for (const name of outlived) rmSync(join(root, name))
  process.stdout.write(
    `${changed.length + outlived.length} of ${files.size} generated files changed\n`,
  )
}
