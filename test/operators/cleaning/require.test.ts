import { describe, expect, it } from 'vitest'
import { requireOperator } from '../../../src/operators/cleaning/require.ts'
import { runOperator } from '../../../src/simulation/run-operator.ts'

describe('require', () => {
  it('fails the record where the condition is false or null, and says which', () => {
    const { emitted, failed, dropped } = runOperator(requireOperator, 'value.ok', [
      { ok: true },
      { ok: false },
      {},
    ])
    expect(emitted).toEqual([{ ok: true }])
    expect(dropped).toEqual([])
    expect(failed.map(({ code, message }) => `${code} ${message}`)).toEqual([
      'RECORD_REQUIRED the condition value.ok is false',
      'RECORD_REQUIRED the condition value.ok is null',
    ])
  })

  it('fails with another code where the condition is no condition', () => {
    const { failed } = runOperator(requireOperator, 'value.ok', [{ ok: 1 }])
    expect(failed.map(({ code }) => code)).toEqual(['RECORD_TYPE'])
  })
})
