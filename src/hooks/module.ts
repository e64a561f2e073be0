import { z } from 'zod'
import { filePath } from '../core/config-types.ts'
import { copyJson } from '../core/copy-json.ts'
import { defineListener, type HookEvent } from '../core/hook.ts'
import type { JsonObject } from '../core/json.ts'
import { loadFunction } from '../core/load-function.ts'

/** What a module exports. A promise that it returns is waited for, up to the listener's deadline. */
type ModuleFunction = (event: HookEvent, signal: AbortSignal) => Promise<void> | void

const words = {
  what: 'listener module',
  setting: 'file',
  signature: '(event) { ... }',
  remove: 'the listener',
}

export const moduleListener = defineListener({
  type: 'module',
  summary:
    'Call a function of a JavaScript or TypeScript file. It is trusted code: it runs inside the process.',
  config: z.strictObject({
    file: filePath().describe('The file, relative to the pipeline file.'),
    export: z
      .string()
      .min(1)
      .default('notify')
      .describe(
        'The name under which the file exports the function: `(event, signal) => void`, or a promise.',
      ),
  }),
  examples: [
    { title: 'The function `notify` of a file', config: { file: './alert.ts' } },
    { title: 'A function by another name', config: { file: './alerts.ts', export: 'pageOnCall' } },
  ],
  async create({ file, export: name }) {
    const notify = (await loadFunction(file.absolute, name, words)) as ModuleFunction
    return {
      notify(event, signal) {
        // A copy: what the function does to its event reaches neither records nor other listeners.
        return notify(
          { ...event, data: copyJson(event.data) as JsonObject, value: copyJson(event.value) },
          signal,
        )
      },
    }
  },
})
