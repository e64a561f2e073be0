import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { decodeJson } from '../../../src/core/json.ts'
import { mask } from '../../../src/operators/cleaning/mask.ts'
import { runOperator } from '../../../src/simulation/run-operator.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

describe('mask', () => {
  it('hashes the UTF-8 text of texts, numbers and booleans', () => {
    const input = [{ a: 'ü' }, { a: 12.5 }, { a: true }, decodeJson('{"a":12345678901234567890}')]
    expect(runOperator(mask, { a: 'sha256' }, input).emitted).toEqual(
      ['ü', '12.5', 'true', '12345678901234567890'].map((text) => ({ a: sha256(text) })),
    )
  })

  it('leaves null and missing fields so', () => {
    const input = [{ a: null }, {}, { b: { c: null } }]
    const config = { a: 'sha256', 'b.c': { hmac: { key: 'k' } } }
    expect(runOperator(mask, config, input).emitted).toEqual(input)
  })

  it('hashes the empty text: it is a value', () => {
    expect(runOperator(mask, { a: 'sha256' }, [{ a: '' }]).emitted).toEqual([{ a: sha256('') }])
  })

  it('makes other hashes with another key', () => {
    const masked = (key: string) =>
      runOperator(mask, { a: { hmac: { key } } }, [{ a: 'x' }]).emitted
    expect(masked('k1')).toEqual(masked('k1'))
    expect(masked('k1')).not.toEqual(masked('k2'))
  })

  it('redacts a value of any kind', () => {
    const { emitted } = runOperator(mask, { a: 'redact', b: { redact: '' } }, [
      { a: [{ secret: 1 }], b: 5 },
    ])
    expect(emitted).toEqual([{ a: '****', b: '' }])
  })

  it('cuts between characters, never inside one', () => {
    const { emitted } = runOperator(mask, { a: { truncate: 2 } }, [
      { a: '😀😀😀' },
      { a: 'x' },
      { a: 1234 },
    ])
    expect(emitted).toEqual([{ a: '😀😀' }, { a: 'x' }, { a: '12' }])
  })

  it('says nothing of the value or the key when it cannot mask a field', () => {
    const { failed } = runOperator(mask, { 'a.b': { hmac: { key: 'topsecret' } } }, [
      { a: { b: ['private'] } },
    ])
    expect(failed.map(({ code, message }) => `${code} ${message}`)).toEqual([
      'RECORD_TYPE a.b is a list, which only `redact` can mask',
    ])
  })

  it('refuses unknown methods, empty keys and lengths below zero', () => {
    for (const method of [
      'md5',
      { truncate: -1 },
      { truncate: 1.5 },
      { hmac: { key: '' } },
      { hmac: {} },
      {},
    ]) {
      expect(() => runOperator(mask, { a: method }, [])).toThrow()
    }
  })
})
