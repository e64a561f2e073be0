import { stringify } from 'yaml'

/** A setting as it is written in pipeline files: in block style, and quoted where YAML needs it. */
export function writeYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, defaultKeyType: 'PLAIN', singleQuote: false })
}
