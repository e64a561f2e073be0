import { describe, expect, test } from 'vitest'
import { systemClock, until, type Sent } from '../http-fixture.ts'
import { anHttpSource as aSource, json } from '../http-source-fixture.ts'

describe('an Idempotency-Key', () => {
  const keyed = (key: string, body: string): Sent => ({
    headers: { ...json, 'idempotency-key': key },
    body,
  })

  test('is stored once, and gets the same answer again, also after a restart', async () => {
    const { driver, send: post } = await aSource()
    const first = await post(keyed('k', '[1,2]'))
    const again = await post(keyed('k', '[1,2]'))
    expect([again.status, again.text]).toEqual([first.status, first.text])
    expect(driver.values).toEqual(['1', '2'])
    await driver.stop()
    const next = await aSource({ positions: driver.positions })
    expect((await next.send(keyed('k', '[1,2]'))).text).toBe(first.text)
    expect(await next.send(keyed('other', '3'))).toMatchObject({ status: 202 })
    expect(next.driver.values).toEqual(['3'])
  })

  test('that is sent twice at a time is stored once, and both are answered', async () => {
    const { driver, send: post } = await aSource({ commits: false })
    const both = [post(keyed('k', '1')), post(keyed('k', '1'))]
    await until(() => driver.slices.length === 1)
    await systemClock.sleep(50)
    driver.commit(driver.slices[0]!)
    expect((await Promise.all(both)).map(({ status }) => status)).toEqual([202, 202])
    expect(driver.values).toEqual(['1'])
  })

  test('with another body is a mistake', async () => {
    const { driver, send: post } = await aSource()
    await post(keyed('k', '1'))
    expect(await post(keyed('k', '2'))).toMatchObject({ status: 422, json: { code: 'key_used' } })
    expect(driver.values).toEqual(['1'])
  })

  test('is forgotten in time, and where there are too many', async () => {
    const setting = { idempotency: { ttl: '100ms', max_keys: 2 } }
    const { driver, send: post } = await aSource({ setting })
    for (const key of ['a', 'b', 'c', 'd']) await post(keyed(key, '1'))
    expect(driver.positions.size).toBe(3)
    await systemClock.sleep(150)
    await post(keyed('e', '1'))
    expect([...driver.positions.keys()]).toEqual(['key:e'])
    expect(await post(keyed('d', '1'))).toMatchObject({ status: 202 })
    expect(driver.values.length).toBe(6)
  })

  test('can be asked for', async () => {
    const { send: post } = await aSource({ setting: { idempotency: { required: true } } })
    expect(await post({ headers: json, body: '1' })).toMatchObject({ status: 400 })
    expect(await post(keyed('k', '1'))).toMatchObject({ status: 202 })
  })
})
