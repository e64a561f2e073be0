import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { generatedFiles, staleFiles } from '../../src/docgen/generated-files.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

describe('generated files', () => {
  it('are the same however often they are made', async () => {
    expect([...(await generatedFiles(root))]).toEqual([...(await generatedFiles(root))])
  })

  it('are as they are stored: otherwise run npm run gen', async () => {
    const stale = [...(await generatedFiles(root))]
      .filter(([name, text]) => readFileSync(join(root, name), 'utf8') !== text)
      .map(([name]) => name)
    expect(stale).toEqual([])
  })

  it('end in a line end and hold no trailing spaces', async () => {
    for (const [name, text] of await generatedFiles(root)) {
      expect(text.endsWith('\n') && !text.endsWith('\n\n'), name).toBe(true)
      expect(/[ \t]$/m.test(text), name).toBe(false)
    }
  })

  it('are checked by --check, which names nothing when all are fresh', () => {
    const script = join(root, 'src/docgen/generate.ts')
    expect(execFileSync(process.execPath, [script, '--check'], { encoding: 'utf8' })).toBe('')
  })

  it('do not outlive what they were made for', () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-docgen-'))
    try {
      mkdirSync(join(folder, 'schemas/reference/operators'), { recursive: true })
      writeFileSync(join(folder, 'schemas/reference/operators/trim.md'), '')
      writeFileSync(join(folder, 'schemas/reference/operators/gone.md'), '')
      const files = new Map([['schemas/reference/operators/trim.md', '']])
      expect(staleFiles(folder, files)).toEqual(['schemas/reference/operators/gone.md'])
      expect(staleFiles(join(folder, 'nothing'), files)).toEqual([])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
