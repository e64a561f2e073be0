import { describe, expect, it } from 'vitest'
import { OutputFile, type OutputHandle } from '../../../src/endpoints/writing/output-file.ts'
import { errorOf } from '../endpoint-fixture.ts'

/** A file in memory whose disk can fail. */
class FaultyHandle {
  content = Buffer.alloc(0)
  writeError: string | null = null
  syncError: string | null = null
  truncateError: string | null = null
  mostBytes = Number.POSITIVE_INFINITY

  write(
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ bytesWritten: number }> {
    const bytesWritten = Math.min(length, this.mostBytes)
    const part = Buffer.from(bytes.subarray(offset, offset + bytesWritten))
    this.content = Buffer.concat([this.content.subarray(0, position), part])
    return this.writeError === null
      ? Promise.resolve({ bytesWritten })
      : Promise.reject(anError(this.writeError))
  }

  datasync(): Promise<void> {
    return this.syncError === null ? Promise.resolve() : Promise.reject(anError(this.syncError))
  }

  truncate(length: number): Promise<void> {
    if (this.truncateError !== null) return Promise.reject(anError(this.truncateError))
    this.content = this.content.subarray(0, length)
    return Promise.resolve()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

function anError(code: string): Error {
  return Object.assign(new Error(`${code}: the disk says no`), { code })
}

function aFile(): { file: OutputFile; handle: FaultyHandle } {
  const handle = new FaultyHandle()
  const file = new OutputFile(handle as unknown as OutputHandle, '/out', { length: 0, prefix: '' })
  return { file, handle }
}

describe('OutputFile', () => {
  it('writes on where the disk took a part only', async () => {
    const { file, handle } = aFile()
    handle.mostBytes = 3
    expect(await file.append(Buffer.from('abcdefgh'))).toBe(8)
    expect(handle.content.toString()).toBe('abcdefgh')
  })

  it.each(['ENOSPC', 'EDQUOT'])(
    'is as before after %s in writing or in syncing, and can be written again',
    async (code) => {
      for (const place of ['writeError', 'syncError'] as const) {
        const { file, handle } = aFile()
        await file.append(Buffer.from('good\n'))
        handle[place] = code
        expect((await errorOf(file.append(Buffer.from('more\n')))).code).toBe('DISK_FULL')
        expect(handle.content.toString()).toBe('good\n')
        handle[place] = null
        expect(await file.append(Buffer.from('more\n'))).toBe(10)
      }
    },
  )

  it('is not written any more after an error of the disk', async () => {
    const { file, handle } = aFile()
    handle.syncError = 'EIO'
    const error = await errorOf(file.append(Buffer.from('x')))
    expect([error.code, error.message]).toEqual([
      'FILE_FAILED',
      expect.stringContaining('writing /out: EIO'),
    ])
    handle.syncError = null
    expect(await errorOf(file.append(Buffer.from('x')))).toBe(error)
    expect(file.length).toBe(0)
  })

  it('fails for good when a full disk does not let it cut off what it wrote', async () => {
    const { file, handle } = aFile()
    handle.writeError = 'ENOSPC'
    handle.truncateError = 'EIO'
    expect((await errorOf(file.append(Buffer.from('x')))).code).toBe('FILE_FAILED')
  })

  it('does not take a disk that takes no bytes for one that waits', async () => {
    const { file, handle } = aFile()
    handle.mostBytes = 0
    expect((await errorOf(file.append(Buffer.from('x')))).code).toBe('FILE_FAILED')
  })
})
