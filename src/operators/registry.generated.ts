// Written by `npm run gen`.
import type { OperatorDefinition } from '../core/operator.ts'
import { cast } from './cleaning/cast.ts'
import { dedupe } from './cleaning/dedupe.ts'
import { defaultOperator } from './cleaning/default.ts'
import { filter } from './cleaning/filter.ts'
import { flatten } from './cleaning/flatten.ts'
import { keep } from './cleaning/keep.ts'
import { map } from './cleaning/map.ts'
import { mask } from './cleaning/mask.ts'
import { parse } from './cleaning/parse.ts'
import { remove } from './cleaning/remove.ts'
import { rename } from './cleaning/rename.ts'
import { requireOperator } from './cleaning/require.ts'
import { route } from './cleaning/route.ts'
import { sample } from './cleaning/sample.ts'
import { set } from './cleaning/set.ts'
import { split } from './cleaning/split.ts'
import { trim } from './cleaning/trim.ts'
import { validate } from './cleaning/validate.ts'
import { batch } from './pacing/batch.ts'
import { delay } from './pacing/delay.ts'
import { throttle } from './pacing/throttle.ts'
import { exec } from './calling/exec.ts'
import { lookup } from './calling/lookup.ts'
import { moduleOperator } from './calling/module.ts'
import { aggregate } from './analysis/aggregate.ts'

export const operators: readonly OperatorDefinition[] = [
  cast,
  dedupe,
  defaultOperator,
  filter,
  flatten,
  keep,
  map,
  mask,
  parse,
  remove,
  rename,
  requireOperator,
  route,
  sample,
  set,
  split,
  trim,
  validate,
  batch,
  delay,
  throttle,
  exec,
  lookup,
  moduleOperator,
  aggregate,
]
