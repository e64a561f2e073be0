import { z } from 'zod'
import { expression } from '../core/config-types.ts'
import type { Definitions } from '../core/definitions.ts'
import { connectionDefinitions } from './connection-schema.ts'
import { name, type ComponentSchemas } from './stage-schema.ts'
import { testStepDefinitions } from './test-schema.ts'

/** What every definition of a step, source, sink, listener or test step has. */
export interface NamedDefinition {
  readonly type: string
  readonly summary: string
  readonly config: z.ZodType
}

/** The setting of a component that is written as a bare name: `sink: drop`. */
export const bareSettings: readonly unknown[] = [{}, undefined]

export function takesBareName({ config }: NamedDefinition): boolean {
  return bareSettings.some((setting) => config.safeParse(setting).success)
}

/** What stands beside the operator of a step. */
export function stepExtras() {
  return {
    if: expression().describe('The step is left out for records for which this does not hold.'),
    id: name().describe('Names the state of the step; by default the operator, then `OPERATOR-2`.'),
  }
}

/** The schemas of all components, one branch for each, so that editors complete and explain them. */
export function componentSchemas(definitions: Definitions): ComponentSchemas {
  return {
    step: oneOf(definitions.operators, z.strictObject(stepExtras()).partial().shape).describe(
      'One operator with its setting.',
    ),
    source: oneOf(definitions.sources, {}).describe(
      'Where records come from: one source with its setting.',
    ),
    sink: oneOf(definitions.sinks, {}).describe('Where records go: one sink with its setting.'),
    listeners: listeners(definitions).describe('Listeners by name, each with its setting.'),
    connection: oneOf(connectionDefinitions, {}).describe('A server: its kind, with its settings.'),
    testStep: oneOf(testStepDefinitions, {}).describe('One step of a test.'),
  }
}

function oneOf(definitions: readonly NamedDefinition[], extras: z.ZodRawShape): z.ZodType {
  const branches = definitions.flatMap((definition) => {
    const setting = settingOf(definition)
    const branch = z
      .strictObject({ [definition.type]: setting, ...extras })
      .describe(definition.summary)
    if (!takesBareName(definition)) return [branch]
    return [branch, z.literal(definition.type).describe(definition.summary)]
  })
  return branches.length === 0 ? z.never() : z.union(branches)
}

function listeners({ listeners: definitions }: Definitions): z.ZodType {
  const shape = Object.fromEntries(
    definitions.map((definition) => [definition.type, settingOf(definition).optional()]),
  )
  const bare = definitions.filter(takesBareName).map(({ type }) => z.literal(type))
  return z.union([z.strictObject(shape).meta({ minProperties: 1 }), ...bare])
}

function settingOf(definition: NamedDefinition): z.ZodType {
  const { config, summary } = definition
  return (takesBareName(definition) ? config.nullable() : config).describe(summary)
}
