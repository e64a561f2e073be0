import { readFileSync, readdirSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { messageOf } from '../core/errors.ts'
import { minSqliteVersion } from '../logs/embedded/schema.ts'
import type { LogFinding } from '../core/log.ts'
import { showCount } from './show-amount.ts'

const neededNode = '24.21.0'
/** Below it, a run with many partitions and files can come to the limit. */
const fewFileHandles = 1_024

export function checkMachine(): LogFinding[] {
  return [checkNode(), checkSqlite(), ...checkFileHandles()]
}

function checkNode(): LogFinding {
  const { node } = process.versions
  if (isOlder(node, neededNode)) {
    return {
      name: 'node',
      status: 'wrong',
      text: `${node}; Millrace needs ${neededNode} or later: install a newer Node`,
    }
  }
  return { name: 'node', status: 'ok', text: `${node} on ${process.platform} ${process.arch}` }
}

function checkSqlite(): LogFinding {
  const name = 'sqlite'
  try {
    const db = new DatabaseSync(':memory:')
    const version = String(db.prepare('SELECT sqlite_version() AS version').get()?.['version'])
    db.close()
    if (!isOlder(version, minSqliteVersion)) return { name, status: 'ok', text: version }
    return {
      name,
      status: 'wrong',
      text: `${version}; the log needs ${minSqliteVersion} or later: install a newer Node`,
    }
  } catch (error) {
    return {
      name,
      status: 'wrong',
      text: `it does not work: ${messageOf(error)}; install Node anew`,
    }
  }
}

/** Only Linux tells. */
function checkFileHandles(): LogFinding[] {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8')
    const limit = /^Max open files\s+(\d+)/m.exec(limits)?.[1]
    if (limit === undefined) return []
    const open = readdirSync('/proc/self/fd').length
    const text = `${showCount(Number(limit))} may be open, ${open} are`
    if (Number(limit) >= fewFileHandles) return [{ name: 'file handles', status: 'ok', text }]
    return [{ name: 'file handles', status: 'warning', text: `${text}; allow more with ulimit -n` }]
  } catch {
    return []
  }
}

function isOlder(version: string, needed: string): boolean {
  return version.localeCompare(needed, 'en', { numeric: true }) < 0
}
