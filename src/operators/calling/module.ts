import { z } from 'zod'
import type { AsyncCall, AsyncResult } from '../../core/async-operator.ts'
import type { Clock } from '../../core/clock.ts'
import { duration, filePath } from '../../core/config-types.ts'
import { copyJson } from '../../core/copy-json.ts'
import { messageOf, PipelineError, RecordFailure } from '../../core/errors.ts'
import { loadFunction } from '../../core/load-function.ts'
import type { ModuleFunction } from '../../core/module-operator.ts'
import { defineAsync } from '../../core/operator.ts'
import type { StepRecord } from '../../core/step-record.ts'
import { ModuleCall } from './module-call.ts'
import { plainValue } from './plain-value.ts'

const defaultExport = 'process'

const settings = z.strictObject({
  path: filePath().describe(
    'The JavaScript or TypeScript file (types that can be erased), relative to the pipeline file.',
  ),
  export: z
    .string()
    .min(1)
    .default(defaultExport)
    .describe(
      'The name under which the file exports the function: `(value, record) => value`, or a promise of it.',
    ),
  config: z
    .unknown()
    .optional()
    .describe('Handed to the function as `record.config`, whatever it is.'),
  deadline: duration()
    .prefault('30s')
    .describe('A call that takes longer counts as a peer that does not answer, and is made again.'),
})

export const moduleOperator = defineAsync({
  type: 'module',
  kind: 'async',
  summary:
    'Call a function of a JavaScript or TypeScript file for each record. It is trusted code: it runs inside the process.',
  config: z
    .union([filePath(), settings])
    .describe('The file, or the file with further settings.')
    .transform((setting) =>
      'path' in setting ? setting : settings.parse({ path: setting.source }),
    ),
  emitsMany: true,
  examples: [
    {
      title: 'The function `process` of a file',
      config: './price.ts',
      input: [{ sku: 'a', price: 2, count: 3 }],
      output: [{ sku: 'a', price: 2, count: 3, total: 6 }],
    },
    {
      title: 'Another function, which gets a setting, leaves records out and makes several of one',
      config: { path: './price.ts', export: 'lines', config: { currency: 'EUR' }, deadline: '5s' },
      input: [{ lines: [{ sku: 'a' }, { sku: 'b' }] }, { lines: [] }, {}],
      output: [
        { sku: 'a', currency: 'EUR' },
        { sku: 'b', currency: 'EUR' },
      ],
    },
  ],
  fieldsAfter: () => null,
  async create(setting, { clock }, { step }) {
    const { path, export: name, config, deadline: deadlineMs } = setting
    const loaded = await loadFunction(path.absolute, name, {
      what: `module of the step "${step}"`,
      setting: 'path',
      signature: '(value, record) { ... }',
      remove: 'the step',
    })
    const work = loaded as ModuleFunction
    return {
      process(record, call) {
        return called({ work, record, call, config, clock, deadlineMs })
      },
      close: () => Promise.resolve(),
    }
  },
})

interface Called {
  readonly work: ModuleFunction
  readonly record: StepRecord
  readonly call: AsyncCall
  readonly config: unknown
  readonly clock: Clock
  readonly deadlineMs: number
}

/** At once where the function returns no promise. */
function called(of: Called): AsyncResult | Promise<AsyncResult> {
  const { work, record, call, config } = of
  const about = new ModuleCall(record, call, config)
  let returned: ReturnType<ModuleFunction>
  try {
    // A copy: the call may be made again with the value as it is.
    returned = work(copyJson(record.value), about)
  } catch (thrown) {
    throw meant(thrown)
  }
  return isPromise(returned) ? inTime(returned, about, of) : resultOf(returned)
}

/** Any object with a `then`: the user's code may have promises of its own. */
function isPromise(returned: unknown): returned is Promise<Awaited<ReturnType<ModuleFunction>>> {
  return typeof (returned as { then?: unknown } | null)?.then === 'function'
}

async function inTime(
  promise: Promise<unknown>,
  about: ModuleCall,
  { clock, deadlineMs }: Called,
): Promise<AsyncResult> {
  const over = new AbortController()
  const late = clock.sleep(deadlineMs, over.signal).then(() => tooLate)
  try {
    const returned = await Promise.race([promise, late])
    if (returned !== tooLate) return resultOf(returned)
  } catch (thrown) {
    throw meant(thrown)
  } finally {
    over.abort()
  }
  about.abort()
  throw new PipelineError(
    'PEER_UNAVAILABLE',
    `the function of the module has not come to an end within ${deadlineMs} ms (\`deadline\`)`,
  )
}

const tooLate = Symbol('too late')

/** @throws RecordFailure */
function resultOf(returned: unknown): AsyncResult {
  if (returned === null) return 'filtered'
  if (returned === undefined) {
    throw new RecordFailure(
      'RECORD_MODULE',
      'the function returned nothing: return the value, or null to leave the record out',
    )
  }
  return Array.isArray(returned) ? Array.from(returned, plainValue) : [plainValue(returned)]
}

/** What the user's code threw, as what it means for the record. */
function meant(thrown: unknown): unknown {
  if (thrown instanceof RecordFailure) return thrown
  const code: unknown = (thrown as { code?: unknown } | null | undefined)?.code
  const message = messageOf(thrown)
  if (code === 'PEER_UNAVAILABLE' || code === 'PEER_REJECTED')
    return new PipelineError(code, message, { cause: thrown })
  return new RecordFailure('RECORD_MODULE', `the function threw: ${message}`)
}
