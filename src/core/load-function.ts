import { pathToFileURL } from 'node:url'
import { messageOf, PipelineError } from './errors.ts'

/** What a message about a module of the user says. */
export interface ModuleWords {
  /** `listener module`, `module of the step "enrich"`. */
  readonly what: string
  /** The setting that names the file, as it stands in a pipeline file. */
  readonly setting: string
  /** How the function is declared, behind its name: `(event) { ... }`. */
  readonly signature: string
  /** What can be left out: `the listener`. */
  readonly remove: string
}

type AnyFunction = (...args: readonly never[]) => unknown

/**
 * The function that a JavaScript or TypeScript file exports under a name. It is trusted code.
 * @throws PipelineError CONFIG_FILE
 */
export async function loadFunction(
  path: string,
  name: string,
  words: ModuleWords,
): Promise<AnyFunction> {
  const exported = (await importFile(path, words))[name]
  if (typeof exported === 'function') return exported as AnyFunction
  const found =
    exported === undefined ? 'has no export of that name' : `exports a ${typeof exported}`
  const declared = name === 'default' ? 'default function ' : `function ${name}`
  throw new PipelineError(
    'CONFIG_FILE',
    `the ${words.what} needs a function \`${name}\`, but ${path} ${found}: ` +
      `write \`export ${declared}${words.signature}\` there, or name another one with \`export:\``,
  )
}

async function importFile(
  path: string,
  words: ModuleWords,
): Promise<{ readonly [name: string]: unknown }> {
  const url = pathToFileURL(path).href
  try {
    return (await import(url)) as { readonly [name: string]: unknown }
  } catch (thrown) {
    throw new PipelineError(
      'CONFIG_FILE',
      `${whyNotLoaded(thrown, url, words)}: ${path}; ${whatToDo(thrown, url, words)}`,
      { cause: thrown },
    )
  }
}

function whyNotLoaded(thrown: unknown, url: string, { what }: ModuleWords): string {
  if (isMissing(thrown, url)) return `the file of the ${what} does not exist`
  if (codeOf(thrown) === 'ERR_UNSUPPORTED_DIR_IMPORT') return `the ${what} names a folder`
  return `loading the ${what} threw (${messageOf(thrown)})`
}

function whatToDo(thrown: unknown, url: string, { setting, remove }: ModuleWords): string {
  if (isMissing(thrown, url)) return `check \`${setting}:\`, which is relative to the pipeline file`
  switch (codeOf(thrown)) {
    case 'ERR_UNSUPPORTED_DIR_IMPORT':
      return 'name the file in it'
    case 'ERR_UNKNOWN_FILE_EXTENSION':
      return 'name a file that ends in .js, .mjs, .ts or .mts'
    case 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX':
      return 'use only types that can be erased: no enum, no parameter properties, no namespaces'
    default:
      return `correct the file, or remove ${remove}`
  }
}

/** Whether the file itself is missing, and not one that it imports. */
function isMissing(thrown: unknown, url: string): boolean {
  return codeOf(thrown) === 'ERR_MODULE_NOT_FOUND' && (thrown as { url?: unknown }).url === url
}

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error ? (thrown as { code?: unknown }).code : undefined
}
