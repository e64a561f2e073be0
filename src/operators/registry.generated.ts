// Written by `npm run gen`.
import type { OperatorDefinition } from '../core/operator.ts'
import { cast } from './cleaning/cast.ts'
import { dedupe } from './cleaning/dedupe.ts'
import { defaultOperator } from './cleaning/default.ts'
import { filter } from './cleaning/filter.ts'
import { keep } from './cleaning/keep.ts'
import { map } from './cleaning/map.ts'
import { mask } from './cleaning/mask.ts'
import { parse } from './cleaning/parse.ts'
import { remove } from './cleaning/remove.ts'
import { rename } from './cleaning/rename.ts'
import { requireOperator } from './cleaning/require.ts'
import { set } from './cleaning/set.ts'
import { split } from './cleaning/split.ts'
import { trim } from './cleaning/trim.ts'
import { validate } from './cleaning/validate.ts'
import { exec } from './calling/exec.ts'
import { moduleOperator } from './calling/module.ts'
import { aggregate } from './analysis/aggregate.ts'

export const operators: readonly OperatorDefinition[] = [
  cast,
  dedupe,
  defaultOperator,
  filter,
  keep,
  map,
  mask,
  parse,
  remove,
  rename,
  requireOperator,
  set,
  split,
  trim,
  validate,
  exec,
  moduleOperator,
  aggregate,
]
