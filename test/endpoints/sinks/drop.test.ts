import { describe, expect, it } from 'vitest'
import { dropSink } from '../../../src/endpoints/sinks/drop.ts'
import { aBatch, anEnvironment } from '../endpoint-fixture.ts'

describe('the drop sink', () => {
  it('takes everything and remembers nothing', async () => {
    const sink = dropSink.create(dropSink.config.parse({}), anEnvironment(), null)
    const { signal } = new AbortController()
    expect(await sink.write(aBatch(['1', null]), signal)).toEqual({ memory: null, failures: [] })
    await sink.close()
    expect(dropSink.files({})).toEqual([])
  })
})
