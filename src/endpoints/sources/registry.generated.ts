// Written by `npm run gen`.
import type { SourceDefinition } from '../../core/endpoints.ts'
import { fileSource } from './file.ts'
import { generateSource } from './generate.ts'
import { kafkaSource } from './kafka.ts'
import { postgresSource } from './postgres.ts'
import { stdinSource } from './stdin.ts'

export const sources: readonly SourceDefinition[] = [
  fileSource,
  generateSource,
  kafkaSource,
  postgresSource,
  stdinSource,
]
