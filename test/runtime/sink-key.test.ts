import { describe, expect, it } from 'vitest'
import { drive, inSink, json } from '../simulation/pipeline-fixture.ts'

const pipeline = (stages: string) => `pipeline: p\nstages:\n${stages}`
const keysIn = async (text: string, to: string, stage: string) => {
  const driver = await drive(text)
  await driver.send(to, [json({ id: 'a' }, { key: 'k' }), json({ id: 2 })])
  const keys = inSink(driver, stage).map(({ key }) => key)
  await driver.close()
  return keys
}

describe('the key of records for a sink', () => {
  it('is that of the stage, with steps and without', async () => {
    const sink = '    key: value.id\n    sink: { drain: 1 }\n'
    const steps = "    steps:\n      - set: { id: string(value.id) + '!' }\n"
    expect(await keysIn(pipeline(`  - name: s\n    from: a\n${sink}`), 'a', 's')).toEqual([
      'a',
      '2',
    ])
    expect(await keysIn(pipeline(`  - name: s\n    from: a\n${steps}${sink}`), 'a', 's')).toEqual([
      'a!',
      '2!',
    ])
  })

  it('is made once where the sink is a part of its own', async () => {
    const stage =
      '  - name: s\n    source: { feed: 1 }\n    steps:\n      - remove: [other]\n    key: value.id\n    sink: { drain: 1 }\n'
    expect(new Set(await keysIn(pipeline(stage), 's', 's'))).toEqual(new Set(['2', 'a']))
  })

  it('is that of the input without a key of the stage', async () => {
    const stage = '  - name: s\n    from: a\n    sink: { drain: 1 }\n'
    expect(await keysIn(pipeline(stage), 'a', 's')).toEqual(['k', null])
  })
})
