import { describe, expect, it } from 'vitest'
import { StatusArea } from '../../src/cli/status-area.ts'
import { aCliEnvironment, type TestEnvironmentOptions } from './cli-environment.ts'

function anArea(options: TestEnvironmentOptions & { block?: boolean } = {}) {
  const environment = aCliEnvironment(options)
  const area = new StatusArea(environment, { block: options.block ?? true })
  return { area, stderr: environment.stderr, mask: environment.mask }
}

describe('the status area', () => {
  it('redraws its block over the one before', () => {
    const { area, stderr } = anArea()
    area.show(['one', 'two'])
    area.show(['three'])
    area.clear()
    expect(stderr.text).toBe('one\ntwo\n\u001b[2A\u001b[Jthree\n\u001b[1A\u001b[J')
  })

  it('puts lines that stay above the block', () => {
    const { area, stderr } = anArea()
    area.show(['block'])
    area.line('stays')
    expect(stderr.text).toBe('block\n\u001b[1A\u001b[Jstays\nblock\n')
  })

  it('draws no block where none is wanted', () => {
    const { area, stderr } = anArea({ block: false })
    area.show(['block'])
    area.line('stays')
    area.clear()
    expect(stderr.text).toBe('stays\n')
  })

  it('is never wider or higher than the terminal, which could not erase it', () => {
    const { area, stderr } = anArea({ columns: 6, rows: 3 })
    area.show(['123456789', 'b', 'c', 'd'])
    expect(stderr.text).toBe('12345\nb\n')
  })

  it('shows no secrets', () => {
    const { area, stderr, mask } = anArea()
    mask.add('hidden')
    area.show(['a hidden b'])
    area.line('c hidden d')
    expect(stderr.text).not.toContain('hidden')
  })
})
