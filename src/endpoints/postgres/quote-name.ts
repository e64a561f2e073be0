/** A name as SQL takes it, whatever is in it but for NUL, which no name can have. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A table by its name, in a schema or else where the role's search path finds it. */
export interface TableName {
  readonly schema: string | null
  readonly name: string
}

export function quoteTable({ schema, name }: TableName): string {
  return schema === null ? quoteName(name) : `${quoteName(schema)}.${quoteName(name)}`
}

/** In the words of messages. */
export function shownTable({ schema, name }: TableName): string {
  return schema === null ? name : `${schema}.${name}`
}
