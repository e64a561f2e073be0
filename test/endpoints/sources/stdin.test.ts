import { describe, expect, it } from 'vitest'
import { stdinSource } from '../../../src/endpoints/sources/stdin.ts'
import { anEnvironment, aRequest, errorOf, readSlices } from '../endpoint-fixture.ts'

function aSource(setting: unknown = {}) {
  const environment = anEnvironment()
  const source = stdinSource.create(stdinSource.config.parse(setting), environment, new Map())
  return { source, environment, stdin: environment.stdin }
}

describe('the stdin source', () => {
  it('reads to the end, and says once that it cannot be replayed', async () => {
    const { source, stdin, environment } = aSource()
    stdin.end('{"a":1}\n\n{"a":2}')
    expect(await readSlices(source)).toMatchObject({
      values: ['{"a":1}', '{"a":2}'],
      lines: [1, 3],
    })
    expect(environment.notices).toEqual([expect.stringContaining('cannot be replayed')])
    expect([stdinSource.replayable, stdinSource.bounded(stdinSource.config.parse({}))]).toEqual([
      false,
      false,
    ])
  })

  it.each([
    [{ format: 'csv' }, 'a,b\n1,2\n', ['{"a":"1","b":"2"}']],
    [{ format: 'text' }, 'x\n\ny', ['x', '', 'y']],
    [{ format: 'json_array' }, '[1, {"a":2}]', ['1', '{"a":2}']],
  ])('takes %j', async (setting, text, values) => {
    const { source, stdin } = aSource(setting)
    stdin.end(text)
    expect((await readSlices(source)).values).toEqual(values)
  })

  it('hands on what is there rather than waiting for more', async () => {
    const { source, stdin } = aSource()
    stdin.write('1\n2\n3')
    const slice = await source.read(aRequest())
    expect(slice?.batch.count).toBe(2)
    expect(slice?.positions.size).toBe(0)
    expect(slice?.info(1)).toEqual({ path: 'stdin', line: 2 })
    stdin.end('4\n')
    expect((await readSlices(source)).values).toEqual(['34'])
  })

  it('stops waiting when the signal aborts', async () => {
    const { source, stdin } = aSource()
    const controller = new AbortController()
    const reading = source.read(aRequest({ signal: controller.signal }))
    controller.abort()
    expect(await reading).toBeNull()
    await source.close()
    expect(stdin.destroyed).toBe(true)
  })

  it('hands on what came before an error of the stream, then throws it', async () => {
    const { source, stdin } = aSource()
    stdin.write('1\n')
    expect((await source.read(aRequest()))?.batch.count).toBe(1)
    stdin.destroy(new Error('cable cut'))
    const error = await errorOf(source.read(aRequest()))
    expect([error.code, error.message]).toEqual(['FILE_FAILED', 'reading stdin: cable cut'])
  })
})
