import type { Scalar } from 'yaml'
import { decodeJson } from '../core/json.ts'
import type { ScalarNode } from './config-node.ts'
import type { Findings } from './findings.ts'
import type { ConfigPath } from './pipeline-spec.ts'
import { flowText, quoted, quoteHint } from './quote-hint.ts'
import { substituteVariables, type Variables } from './substitute-variables.ts'

export interface ScalarContext {
  readonly text: string
  readonly findings: Findings
  readonly variables: Variables
  readonly path: ConfigPath
  /** Inside `{ }` or `[ ]`. */
  readonly isFlow: boolean
}

export function emptyScalar(start: number): ScalarNode {
  return {
    kind: 'scalar',
    value: null,
    start,
    end: start,
    size: 1,
    isEmpty: true,
    isVariable: false,
    isSecret: false,
    problem: null,
    substitutions: [],
  }
}

/** Whether nothing stands where the value should be, as in `key:`. */
export function isUnwritten(scalar: Scalar): boolean {
  return scalar.value === null && (scalar.source ?? '') === ''
}

export function buildScalar(scalar: Scalar.Parsed, context: ScalarContext): ScalarNode {
  const { value, range } = scalar
  const node: ScalarNode = {
    ...emptyScalar(range[0]),
    value,
    end: range[1],
    isEmpty: isUnwritten(scalar),
    // A tag was reported, and what YAML made of the text is not what was meant.
    problem: scalar.tag === undefined ? null : 'reported',
  }
  if (typeof value === 'number') return numberNode(node, scalar.source ?? '', context)
  if (typeof value !== 'string') return node
  if (scalar.type === 'PLAIN' && isMisread(value, node, context))
    return { ...node, problem: 'reported' }
  if (!value.includes('${')) return node
  const filled = substituteVariables(value, context.variables)
  for (const secret of filled.secrets) context.findings.secrets.add(secret)
  const { text, substitutions, isVariable } = filled
  const problem = node.problem ?? filled.problem
  const isSecret = filled.secrets.length > 0
  return { ...node, value: text, substitutions, isVariable, isSecret, problem }
}

const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** Numbers that a double would change stay as they are written, as in records. */
function numberNode(node: ScalarNode, source: string, context: ScalarContext): ScalarNode {
  if (jsonNumber.test(source)) return { ...node, value: decodeJson(source) }
  if (Number.isFinite(node.value)) return node
  const { findings, path } = context
  const message = `${source} is no number that records can hold`
  findings.atOffset(
    node.start,
    { code: 'CONFIG_YAML', message, hint: `as a text: "${source}"` },
    path,
  )
  return { ...node, problem: 'reported' }
}

const commentBehind = /^[ \t]+#([^\n]*)/

/** Reports a plain text that YAML has cut off at a comma or `#` inside of it. */
function isMisread(value: string, node: ScalarNode, context: ScalarContext): boolean {
  const { text, findings, path, isFlow } = context
  const name = path.at(-1)
  const prefix = typeof name === 'string' ? `${name}: ` : ''
  if (isFlow && parenthesesOf(value) > 0) {
    const whole = flowText(text, node.start)
    findings.atOffset(
      node.start,
      {
        code: 'CONFIG_YAML',
        message: `inside { } and [ ] a comma ends the text: this one is only "${value}"`,
        hint: `quote it: ${prefix}${quoted(whole)}`,
      },
      path,
    )
    return true
  }
  const comment = commentBehind.exec(text.slice(node.end, node.end + 1_000))?.[1]
  if (comment === undefined || !isCutQuotation(value, comment)) return false
  const hint = quoteHint(text, node.start)
  const message = `" #" begins a comment: the text is only ${quoted(value)}`
  findings.atOffset(node.start, { code: 'CONFIG_YAML', message, hint }, path)
  return true
}

/** Whether a quotation is opened in the text and closed in the comment behind it. */
function isCutQuotation(value: string, comment: string): boolean {
  return ["'", '"', '`'].some((mark) => {
    return value.split(mark).length % 2 === 0 && comment.split(mark).length % 2 === 0
  })
}

function parenthesesOf(value: string): number {
  let open = 0
  for (const char of value) {
    if (char === '(') open += 1
    else if (char === ')') open -= 1
  }
  return open
}
