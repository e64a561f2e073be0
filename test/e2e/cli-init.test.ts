import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { millrace, Workspace } from './cli-process.ts'

const workspaces: Workspace[] = []

function workspace(files?: Record<string, string>): Workspace {
  const made = new Workspace(files)
  workspaces.push(made)
  return made
}

afterEach(() => {
  for (const made of workspaces.splice(0)) made.remove()
})

describe('millrace init', () => {
  it('writes a pipeline that validates, passes its tests and runs', async () => {
    const { folder } = workspace()
    const cwd = folder
    expect(await millrace(['init'], { cwd })).toMatchObject({ code: 0, stdout: '' })
    const validated = await millrace(['validate', 'orders.yaml'], { cwd })
    expect(validated).toMatchObject({ code: 0 })
    expect(validated.stderr).toBe('orders.yaml: ok, pipeline orders with 4 stages\n')
    const tested = await millrace(['test', 'orders.yaml'], { cwd })
    expect(tested.stdout).toMatch(/2 passed, 0 failed\n$/)
    expect(tested.code).toBe(0)
    const { code, stdout } = await millrace(['run', 'orders.yaml'], { cwd })
    expect(code).toBe(0)
    const totals = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { country: string; revenue: number; window_start: string })
    expect(totals).toHaveLength(6)
    expect(
      totals.find((total) => total.country === 'NL' && total.window_start.includes('T08')),
    ).toMatchObject({ orders: 2, revenue: 19.75 })
  })

  it('overwrites nothing unless it is told to', async () => {
    const made = workspace({ 'orders.yaml': 'mine\n', '.gitignore': 'mine/' })
    const refused = await millrace(['init'], { cwd: made.folder })
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain('has orders.yaml already')
    expect(readFileSync(made.path('orders.yaml'), 'utf8')).toBe('mine\n')
    expect((await millrace(['init', '--force'], { cwd: made.folder })).code).toBe(0)
    expect(readFileSync(made.path('.gitignore'), 'utf8')).toBe('mine/\n.millrace/\nout/\n')
  })

  it('makes the folder that it is given, and says how to go on in it', async () => {
    const made = workspace()
    const { code, stderr } = await millrace(['init', 'new/one'], { cwd: made.folder })
    expect(code).toBe(0)
    expect(stderr).toContain('cd new/one && millrace run orders.yaml')
    expect(readFileSync(made.path('new/one/orders.yaml'), 'utf8')).toContain(
      '# yaml-language-server: $schema=./pipeline.schema.json',
    )
  })
})
