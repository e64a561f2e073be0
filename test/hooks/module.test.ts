import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { HookEvent, Listener } from '../../src/core/hook.ts'
import { moduleListener } from '../../src/hooks/module.ts'
import { listenerEnvironment } from './listener-fixture.ts'

const event: HookEvent = {
  id: 'e1',
  event: 'window_closed',
  pipeline: 'orders',
  stage: 'totals',
  timeMs: 5,
  data: { key: 'NL' },
  value: { amounts: [1, 2] },
}
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-module-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

async function load(file: string, settings: object = {}): Promise<Listener> {
  const config = moduleListener.config.parse({ file, ...settings })
  config.file.bind(join(folder, file))
  return await moduleListener.create(config, listenerEnvironment())
}

function write(file: string, text: string): string {
  writeFileSync(join(folder, file), text)
  return file
}

describe('module listener', () => {
  it('calls the function `notify` of a TypeScript file with the event and a signal', async () => {
    const seen: unknown[] = []
    Object.assign(globalThis, { millraceSeen: seen })
    const file = write(
      'alert.ts',
      `export function notify(event: { stage: string }, signal: AbortSignal): void {
        (globalThis as unknown as { millraceSeen: unknown[] }).millraceSeen.push(event, signal.aborted)
      }`,
    )
    await (await load(file)).notify(event, new AbortController().signal)
    expect(seen).toEqual([event, false])
  })

  it('calls the function that `export` names, and returns its promise', async () => {
    const file = write(
      'several.mjs',
      `export async function page() { throw new Error('no one is on call') }`,
    )
    const listener = await load(file, { export: 'page' })
    await expect(listener.notify(event, new AbortController().signal)).rejects.toThrow(
      'no one is on call',
    )
  })

  it('gives the function a copy, which it may change', async () => {
    const file = write(
      'greedy.mjs',
      `export function notify(e) { e.value.amounts.length = 0; e.data.key = 'X' }`,
    )
    await (await load(file)).notify(event, new AbortController().signal)
    expect(event).toMatchObject({ data: { key: 'NL' }, value: { amounts: [1, 2] } })
  })

  const refused = [
    { what: 'a missing file', file: 'none.ts', says: /does not exist: .*none\.ts; check `file:`/ },
    { what: 'a folder', file: 'folder', says: /names a folder: .*; name the file in it/ },
    {
      what: 'no such export',
      file: 'empty.mjs',
      text: 'export const other = 1',
      says: /has no export .*export function notify/,
    },
    {
      what: 'an export that is no function',
      file: 'text.mjs',
      text: `export const notify = 'x'`,
      says: /exports a string/,
    },
    {
      what: 'a file that throws',
      file: 'throws.mjs',
      text: `throw new Error('no database')`,
      says: /threw \(no database\)/,
    },
    {
      what: 'a file that throws no error',
      file: 'odd.mjs',
      text: `throw undefined`,
      says: /threw \(undefined\)/,
    },
    {
      what: 'a file with a wrong syntax',
      file: 'syntax.mjs',
      text: 'export function (',
      says: /threw \(/,
    },
    { what: 'a file of another kind', file: 'notes.txt', text: 'hello', says: /\.js, \.mjs, \.ts/ },
    {
      what: 'a missing import in the file',
      file: 'half.mjs',
      text: `import './gone.mjs'`,
      says: /threw \(.*gone\.mjs/,
    },
  ]
  it.each(refused)('refuses $what and says what to do', async ({ file, text, says }) => {
    if (text === undefined) mkdirSync(join(folder, 'folder'), { recursive: true })
    else write(file, text)
    const thrown: unknown = await load(file).catch((caught: unknown) => caught)
    expect(thrown).toMatchObject({ name: 'PipelineError', code: 'CONFIG_FILE' })
    expect((thrown as Error).message).toMatch(says)
    expect((thrown as Error).message).toContain(join(folder, file))
  })

  it.each([{}, { file: '' }, { file: 'a.ts', export: '' }, { file: 'a.ts', name: 'x' }])(
    'refuses the setting %j',
    (config) => {
      expect(moduleListener.config.safeParse(config).success).toBe(false)
    },
  )

  it('accepts its own examples', () => {
    for (const { config } of moduleListener.examples)
      expect(() => moduleListener.config.parse(config)).not.toThrow()
  })
})
