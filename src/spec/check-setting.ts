import type { z } from 'zod'
import { isExactNumber } from '../core/json.ts'
import { nearestName } from '../core/nearest-name.ts'
import {
  childOf,
  dataOf,
  nodeAt,
  scalarsOf,
  type ConfigNode,
  type MapEntry,
  type ScalarNode,
} from './config-node.ts'
import { formatPath } from './diagnostic.ts'
import { explainIssue, unknownKeyMessage, wordIssue, type Explained } from './explain-issue.ts'
import { maxFindings, type Finding, type Findings } from './findings.ts'
import type { ConfigPath } from './pipeline-spec.ts'

export interface CheckContext {
  readonly findings: Findings
  /** Entries that turned out to be ignored (`x-...` where the schema knows no such key). */
  readonly ignored: Set<MapEntry>
}

export interface CheckOptions extends CheckContext {
  /** Of the setting in the file. */
  readonly path: ConfigPath
  /** A better word than the schema's on something at a path within the setting, if there is one. */
  readonly say?: (explained: Explained) => Finding | null
}

/** null stands for a setting with errors, which have been reported. */
export function checkSetting<Schema extends z.ZodType>(
  schema: Schema,
  node: ConfigNode,
  options: CheckOptions,
): { readonly value: z.output<Schema> } | null {
  const converted = new Map<ScalarNode, unknown>()
  for (;;) {
    const data = dataOf(node, { ignored: options.ignored, converted })
    const result = schema.safeParse(data, { error: wordIssue })
    if (result.success) return { value: result.data }
    const explained = result.error.issues.flatMap((issue) => explainIssue(issue, node))
    const isChanged = ignoreExtensions(explained, node, options.ignored)
    if (!convertVariables(explained, node, converted) && !isChanged) {
      for (const one of withoutFollowUps(explained.slice(0, maxFindings)))
        report(one, node, options)
      return null
    }
  }
}

/** A setting is not told as missing where it is there under a misspelled name. */
function withoutFollowUps(explained: readonly Explained[]): Explained[] {
  const meant = new Set<string>()
  for (const { unknown, path } of explained) {
    const nearest = unknown === null ? null : nearestName(unknown.key, unknown.allowed)
    if (nearest !== null) meant.add(formatPath([...path.slice(0, -1), nearest]))
  }
  return explained.filter(({ isKey, path }) => isKey || !meant.has(formatPath(path)))
}

/** Unknown keys `x-...` are ignored; returns whether there were new ones. */
function ignoreExtensions(
  explained: readonly Explained[],
  node: ConfigNode,
  ignored: Set<MapEntry>,
): boolean {
  const before = ignored.size
  for (const { unknown, path } of explained) {
    if (unknown?.key.startsWith('x-') !== true) continue
    const parent = nodeAt(node, path.slice(0, -1))
    const entry = parent?.kind === 'map' ? parent.entries.get(unknown.key) : undefined
    if (entry !== undefined) ignored.add(entry)
  }
  return ignored.size > before
}

/**
 * A scalar that is wholly `${...}` is text at first; where the schema refuses that, the number or
 * boolean that it reads as is tried; for a number that a double cannot hold, its text. Returns whether there were new ones.
 */
function convertVariables(
  explained: readonly Explained[],
  node: ConfigNode,
  converted: Map<ScalarNode, unknown>,
): boolean {
  const before = converted.size
  for (const { path, isKey } of explained) {
    const at = isKey ? undefined : nodeAt(node, path)
    if (at === undefined) continue
    for (const { scalar } of scalarsOf(at, new Set())) {
      if (converted.has(scalar)) continue
      const value = readAs(scalar)
      if (value !== undefined) converted.set(scalar, value)
    }
  }
  return converted.size > before
}

const numberPattern = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/

function readAs({ value, isVariable }: ScalarNode): unknown {
  if (isExactNumber(value)) return value.rawJSON
  if (!isVariable || typeof value !== 'string') return undefined
  return readText(value)
}

function readText(text: string): unknown {
  if (text === 'true') return true
  if (text === 'false') return false
  return numberPattern.test(text) ? Number(text) : undefined
}

function report(explained: Explained, node: ConfigNode, options: CheckOptions): void {
  const { findings } = options
  const path = [...options.path, ...explained.path]
  const said = options.say?.(explained) ?? null
  if (explained.isKey) {
    const { unknown, message } = explained
    const finding: Finding =
      unknown === null
        ? { code: 'CONFIG_INVALID', message }
        : { code: 'CONFIG_UNKNOWN_KEY', message: unknownKeyMessage(unknown) }
    findings.atKey(path, said ?? finding)
    return
  }
  const at = nearestNode(node, explained.path)
  // What is wrong with the text itself has been told, and is why it does not fit.
  if (at.kind === 'scalar' && at.problem !== null) return
  if (said !== null) {
    findings.at(path, said)
  } else if (at.kind === 'scalar' && at.isVariable) {
    findings.at(path, {
      code: 'CONFIG_VARIABLE',
      message: `the variable has a value of the wrong type: ${explained.message}`,
    })
  } else {
    findings.at(path, { code: 'CONFIG_INVALID', message: explained.message })
  }
}

function nearestNode(node: ConfigNode, path: ConfigPath): ConfigNode {
  let at = node
  for (const part of path) {
    const next = childOf(at, part)
    if (next === undefined) break
    at = next
  }
  return at
}
