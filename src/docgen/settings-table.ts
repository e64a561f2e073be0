import type { JsonSchema } from './json-schema.ts'

export interface SettingRow {
  /** `window.grace`; `fields.*` for what stands under each name of a map. */
  readonly path: string
  /** Each of them is taken. */
  readonly types: readonly string[]
  readonly isRequired: boolean
  readonly fallback: unknown
  readonly description: string | null
}

/** All settings in a schema, those of nested maps behind the map. */
export function settingRows(schema: JsonSchema): SettingRow[] {
  const rows = new Map<string, SettingRow>()
  for (const row of rowsBelow(schema, '')) {
    const known = rows.get(row.path)
    rows.set(row.path, known === undefined ? row : merged(known, row))
  }
  return [...rows.values()]
}

function* rowsBelow(schema: JsonSchema, path: string): Generator<SettingRow> {
  const prefix = path === '' ? '' : `${path}.`
  yield* rowsOfBranches(branchesOf(schema), path)
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const isRequired = schema.required?.includes(name) ?? false
    yield rowOf(property, `${prefix}${name}`, isRequired)
    yield* rowsBelow(property, `${prefix}${name}`)
  }
  if (schema.items !== undefined) yield* rowsBelow(schema.items, path === '' ? path : `${path}[]`)
  if (typeof schema.additionalProperties === 'object') {
    yield* rowsBelow(schema.additionalProperties, `${prefix}*`)
  }
}

/** What only some forms of a map have is required in none; what stands below it may be, there. */
function rowsOfBranches(branches: readonly JsonSchema[], path: string): SettingRow[] {
  const forms = branches
    .map((branch) => [...rowsBelow(branch, path)])
    .filter(({ length }) => length > 0)
  return forms.flatMap((rows) => {
    return rows.map((row) => {
      const parent = row.path.slice(0, Math.max(row.path.lastIndexOf('.'), 0))
      const isBelow = rows.some((other) => other.path === parent)
      const isEverywhere = forms.every((others) => others.some((other) => other.path === row.path))
      return isBelow || isEverywhere ? row : { ...row, isRequired: false }
    })
  })
}

function branchesOf(schema: JsonSchema): readonly JsonSchema[] {
  return [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])]
}

function rowOf(schema: JsonSchema, path: string, isRequired: boolean): SettingRow {
  return {
    path,
    types: typesOf(schema),
    isRequired,
    fallback: schema.default,
    description: schema.description ?? null,
  }
}

/** A setting that several forms of a map have. */
function merged(left: SettingRow, right: SettingRow): SettingRow {
  const descriptions = new Set(
    [left.description, right.description].filter((text) => text !== null),
  )
  return {
    path: left.path,
    types: [...new Set([...left.types, ...right.types])],
    isRequired: left.isRequired && right.isRequired,
    fallback: left.fallback ?? right.fallback,
    description: descriptions.size === 0 ? null : [...descriptions].join(' '),
  }
}

/** Formats that are not shown by their own name, such as `duration`. */
const formatWords: Readonly<Record<string, string>> = {
  component: 'name with its setting',
  pattern: 'regular expression',
}

const typeWords: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'number',
  integer: 'whole number',
  boolean: 'true or false',
  null: 'null',
}

/** The type of a setting in a few words. */
export function typeOf(schema: JsonSchema): string {
  return typesOf(schema).join(' or ')
}

function typesOf(schema: JsonSchema): string[] {
  const { format } = schema
  if (format !== undefined) return [formatWords[format] ?? format]
  if (schema.const !== undefined) return [literal(schema.const)]
  if (schema.enum !== undefined) return schema.enum.map(literal)
  const branches = branchesOf(schema)
  if (branches.length > 0) return [...new Set(branches.flatMap(typesOf))]
  if (schema.type === 'array') return [`list of ${groupOf(schema.items ?? {})}`]
  if (schema.type !== 'object')
    return [schema.type ?? ''].flat().map((type) => typeWords[type] ?? 'any value')
  const { additionalProperties } = schema
  return [
    typeof additionalProperties === 'object' ? `map of ${groupOf(additionalProperties)}` : 'map',
  ]
}

/** Several types of one item, in parentheses. */
function groupOf(schema: JsonSchema): string {
  const types = typesOf(schema)
  return types.length === 1 ? types.join('') : `(${types.join(' or ')})`
}

function literal(value: unknown): string {
  return `\`${value === '' ? '""' : String(value)}\``
}

/** A Markdown table of the settings below a schema, or what the schema itself takes. */
export function settingsTable(schema: JsonSchema): string {
  const rows = settingRows(schema)
  if (rows.length === 0) return ''
  const lines = rows.map(({ path, types, isRequired, fallback, description }) => {
    const left = isRequired
      ? 'required'
      : fallback === undefined
        ? ''
        : `\`${JSON.stringify(fallback)}\``
    return `| \`${path}\` | ${cell(types.join(' or '))} | ${cell(left)} | ${cell(description ?? '')} |`
  })
  return ['| setting | type | default | |', '| --- | --- | --- | --- |', ...lines].join('\n')
}

export function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}
