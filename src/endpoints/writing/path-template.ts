import { dirname } from 'node:path'
import { RecordFailure } from '../../core/errors.ts'
import type { Template } from '../../core/expression.ts'
import type { StepRecord } from '../../core/step-record.ts'

/** Bytes of a name, as file systems allow. */
const maxNameBytes = 255

/** The folder up to which no expression stands in a path. */
export function fixedFolder(path: string): string {
  const glob = globOf(path)
  const wild = glob.indexOf('*')
  return dirname(wild === -1 ? glob : `${glob.slice(0, wild)}x`)
}

/** What matches all paths of a template. */
export function globOf(absolute: string): string {
  let glob = ''
  let depth = 0
  for (const character of absolute.replaceAll('${', '\u0000')) {
    if (character === '\u0000') {
      if (depth === 0) glob += '*'
      depth += 1
    } else if (depth === 0) glob += character
    else if (character === '{') depth += 1
    else if (character === '}') depth -= 1
  }
  return glob
}

/**
 * The path of a record, below the folder of the template. What a record holds makes names, never folders of
 * its own: it cannot lead out, or to where another part of the template would put something.
 * @throws RecordFailure RECORD_REJECTED
 */
export function renderPath(template: Template, record: StepRecord): string {
  const path = template.render(record)
  const fixed = globOf(template.source).split('/')
  const names = path.split('/')
  const isSound =
    names.length === fixed.length &&
    names.every((name, index) => name === fixed[index] || isName(name))
  if (isSound) return path
  const shown = JSON.stringify(path.length > 100 ? `${path.slice(0, 100)}...` : path)
  throw new RecordFailure(
    'RECORD_REJECTED',
    `the path of its file would be ${shown}: each \${...} has to give a name of a file or folder, without "/"`,
  )
}

function isName(name: string): boolean {
  if (name === '' || name === '.' || name === '..') return false
  return !/\p{Cc}/u.test(name) && Buffer.byteLength(name) <= maxNameBytes
}
