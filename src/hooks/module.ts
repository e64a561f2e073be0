import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import { filePath } from '../core/config-types.ts'
import { copyJson } from '../core/copy-json.ts'
import { messageOf, PipelineError } from '../core/errors.ts'
import { defineListener, type HookEvent } from '../core/hook.ts'
import type { JsonObject } from '../core/json.ts'

/** What a module exports. A promise that it returns is waited for, up to the listener's deadline. */
type ModuleFunction = (event: HookEvent, signal: AbortSignal) => Promise<void> | void

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
    const notify = await loadFunction(file.absolute, name)
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

/** @throws PipelineError CONFIG_FILE */
async function loadFunction(path: string, name: string): Promise<ModuleFunction> {
  const exported = (await importFile(path))[name]
  if (typeof exported === 'function') return exported as ModuleFunction
  const found =
    exported === undefined ? 'has no export of that name' : `exports a ${typeof exported}`
  throw new PipelineError(
    'CONFIG_FILE',
    `the listener module needs a function \`${name}\`, but ${path} ${found}: ` +
      `write \`export function ${name}(event) { ... }\` there, or name another one with \`export:\``,
  )
}

async function importFile(path: string): Promise<{ readonly [name: string]: unknown }> {
  const url = pathToFileURL(path).href
  try {
    return (await import(url)) as { readonly [name: string]: unknown }
  } catch (thrown) {
    throw new PipelineError(
      'CONFIG_FILE',
      `${whyNotLoaded(thrown, url)}: ${path}; ${whatToDo(thrown, url)}`,
      {
        cause: thrown,
      },
    )
  }
}

function whyNotLoaded(thrown: unknown, url: string): string {
  if (isMissing(thrown, url)) return 'the file of the listener module does not exist'
  if (codeOf(thrown) === 'ERR_UNSUPPORTED_DIR_IMPORT') return 'the listener module names a folder'
  return `loading the listener module threw (${messageOf(thrown)})`
}

function whatToDo(thrown: unknown, url: string): string {
  if (isMissing(thrown, url)) return 'check `file:`, which is relative to the pipeline file'
  switch (codeOf(thrown)) {
    case 'ERR_UNSUPPORTED_DIR_IMPORT':
      return 'name the file in it'
    case 'ERR_UNKNOWN_FILE_EXTENSION':
      return 'name a file that ends in .js, .mjs, .ts or .mts'
    case 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX':
      return 'use only types that can be erased: no enum, no parameter properties, no namespaces'
    default:
      return 'correct the file, or remove the listener'
  }
}

/** Whether the file itself is missing, and not one that it imports. */
function isMissing(thrown: unknown, url: string): boolean {
  return codeOf(thrown) === 'ERR_MODULE_NOT_FOUND' && (thrown as { url?: unknown }).url === url
}

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error ? (thrown as { code?: unknown }).code : undefined
}
