import { describe, expect, it } from 'vitest'
import { filter } from '../../../src/operators/cleaning/filter.ts'
import { runOperator } from '../../../src/simulation/run-operator.ts'

describe('filter', () => {
  it('drops and counts what is not true, null included', () => {
    const { emitted, dropped } = runOperator(filter, 'value.ok', [
      { ok: true },
      { ok: false },
      { ok: null },
      {},
    ])
    expect(emitted).toEqual([{ ok: true }])
    expect(dropped).toEqual(['filtered', 'filtered', 'filtered'])
  })

  it('fails a record for which the condition is neither true nor false', () => {
    const { failed, dropped } = runOperator(filter, 'value.ok', [
      { ok: 'false' },
      { ok: 0 },
      { ok: [] },
    ])
    expect(failed.map(({ code, message }) => `${code} ${message}`)).toEqual([
      'RECORD_TYPE the condition value.ok gives a string, not true or false',
      'RECORD_TYPE the condition value.ok gives a number, not true or false',
      'RECORD_TYPE the condition value.ok gives a list, not true or false',
    ])
    expect(dropped).toEqual([])
  })

  it('takes a plain true or false', () => {
    expect(runOperator(filter, true, [{}]).emitted).toEqual([{}])
    expect(runOperator(filter, false, [{}]).dropped).toEqual(['filtered'])
  })

  it('refuses what is no expression', () => {
    for (const config of ['', 'value.', 'process.exit()', ['true'], {}]) {
      expect(() => runOperator(filter, config, [])).toThrow()
    }
  })
})
