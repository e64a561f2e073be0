import { expect, it } from 'vitest'
import { loadCodec } from '../../../../src/logs/kafka/records/load-codec.ts'

it('says what to do where the native code of a codec is missing', () => {
  const load = () => {
    throw new Error("Cannot find module 'lz4-napi'")
  }
  expect(() => loadCodec('lz4', load)).toThrow(
    expect.objectContaining({
      code: 'UNSUPPORTED_COMPRESSION_TYPE',
      message: expect.stringMatching(/lz4.*Cannot find module.*gzip, zstd or none/) as string,
    }),
  )
})
