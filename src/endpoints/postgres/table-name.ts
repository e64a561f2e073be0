import { z } from 'zod'
import type { TableName } from './quote-name.ts'

/** The server cuts longer names off, in bytes. */
const maxNameBytes = 63

/** A name of a schema, table or column. */
export function sqlName() {
  return z
    .string()
    .min(1)
    .refine((name) => !name.includes('\0'), 'a name has no NUL in it')
    .refine(
      (name) => Buffer.byteLength(name) <= maxNameBytes,
      `a name has at most ${maxNameBytes} bytes`,
    )
}

/** `TABLE`, `SCHEMA.TABLE`, or `[SCHEMA, TABLE]` for names with a point in them. */
export function tableName() {
  const dotted = z
    .string()
    .regex(
      /^[^.\0]+(?:\.[^.\0]+)?$/,
      'a table is TABLE or SCHEMA.TABLE; [SCHEMA, TABLE] takes any name',
    )
    .meta({ examples: ['orders', 'sales.orders'] })
  return z.union([dotted, z.tuple([sqlName(), sqlName()])]).transform((name): TableName => {
    const parts = typeof name === 'string' ? name.split('.') : name
    const [first = '', second] = parts
    return second === undefined ? { schema: null, name: first } : { schema: first, name: second }
  })
}
