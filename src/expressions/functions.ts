import type { FunctionDefinition } from './function-definition.ts'
import { conversionFunctions } from './functions/conversion.ts'
import { listFunctions } from './functions/list.ts'
import { listSearchFunctions } from './functions/list-search.ts'
import { numberFunctions } from './functions/number.ts'
import { objectFunctions } from './functions/object.ts'
import { patternFunctions } from './functions/pattern.ts'
import { textFunctions } from './functions/text.ts'
import { timeFunctions } from './functions/time.ts'

/** All functions that expressions can call, by group, for checking and for the reference pages. */
export const functionGroups: readonly {
  readonly title: string
  readonly functions: readonly FunctionDefinition[]
}[] = [
  { title: 'Text', functions: textFunctions },
  { title: 'Regular expressions', functions: patternFunctions },
  { title: 'Numbers', functions: numberFunctions },
  { title: 'Conversion and null', functions: conversionFunctions },
  { title: 'Time', functions: timeFunctions },
  { title: 'Lists', functions: [...listFunctions, ...listSearchFunctions] },
  { title: 'Objects and JSON', functions: objectFunctions },
]

export const functionsByName: ReadonlyMap<string, FunctionDefinition> = new Map(
  functionGroups.flatMap(({ functions }) =>
    functions.map((definition) => [definition.name, definition] as const),
  ),
)
