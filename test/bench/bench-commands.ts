import { spawnSync } from 'node:child_process'
import { cpSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Figure } from './run.ts'

const repeats = 7

/** Builds the package as it is published; returns the command. */
export function buildCommand(folder: string): string {
  const built = join(folder, 'built')
  spawnSync(
    join('node_modules', '.bin', 'tsc'),
    ['-p', 'src/tsconfig.build.json', '--outDir', join(built, 'dist')],
    { stdio: 'inherit' },
  )
  cpSync('package.json', join(built, 'package.json'))
  symlinkSync(join(process.cwd(), 'node_modules'), join(built, 'node_modules'))
  return join(built, 'dist/cli/bin.js')
}

/** Whole processes: the built command's help, and the main job as `npm start` runs it. */
export function benchCommands(folder: string, command: string): Figure[] {
  const help = median(() => [command, '--help'])
  const start = median((index) => [
    'src/main.ts',
    'run',
    'pipelines/flights.yaml',
    '--fresh',
    '--data-dir',
    join(folder, `start-${index}`),
  ])
  return [
    {
      what: 'millrace --help, built, median',
      value: `${Math.round(help)} ms`,
      aim: 'aim: below 150 ms',
    },
    {
      what: 'npm start after installation, median',
      value: `${Math.round(start)} ms`,
      aim: 'aim: below 5,000 ms',
    },
  ]
}

function median(argumentsOf: (index: number) => readonly string[]): number {
  const took = Array.from({ length: repeats }, (_, index) => {
    const start = performance.now()
    const { status, stderr } = spawnSync(process.execPath, argumentsOf(index), { encoding: 'utf8' })
    if (status !== 0) throw new Error(stderr)
    return performance.now() - start
  })
  return took.toSorted((a, b) => a - b)[Math.floor(repeats / 2)]!
}
