import { describe, expect, test } from 'vitest'
import { anHttpSource as aSource, json } from '../http-source-fixture.ts'

describe('CloudEvents', () => {
  const event = { specversion: '1.0', id: 'e1', source: '/shop', type: 'order.made' }

  test('in headers leave their data as it is, and their attributes in headers', async () => {
    const { driver, send: post } = await aSource()
    const headers = {
      ...json,
      'ce-specversion': '1.0',
      'ce-id': 'e1',
      'ce-source': '/shop',
      'ce-type': 'order.made',
      'ce-subject': 'caf%C3%A9',
    }
    expect(await post({ headers, body: '[{"n":1}]' })).toMatchObject({ json: { accepted: 1 } })
    expect(driver.values).toEqual(['[{"n":1}]'])
    expect(driver.headers[0]).toMatchObject({
      ce_id: 'e1',
      ce_type: 'order.made',
      ce_subject: 'café',
      'content-type': 'application/json',
    })
  })

  test('in an envelope become the same', async () => {
    const { driver, send: post } = await aSource()
    const headers = { 'content-type': 'application/cloudevents+json; charset=utf-8' }
    const body = JSON.stringify({ ...event, data: { n: 1 }, datacontenttype: 'application/json' })
    expect(await post({ headers, body })).toMatchObject({ json: { accepted: 1 } })
    expect(driver.values).toEqual(['{"n":1}'])
    expect(driver.headers).toEqual([
      {
        ce_specversion: '1.0',
        ce_id: 'e1',
        ce_source: '/shop',
        ce_type: 'order.made',
        'content-type': 'application/json',
      },
    ])
  })

  test('come in batches, with data of any kind', async () => {
    const { driver, send: post } = await aSource()
    const headers = { 'content-type': 'application/cloudevents-batch+json' }
    const body = JSON.stringify([
      { ...event, data: 'text' },
      { ...event, id: 'e2', data_base64: Buffer.from('bytes').toString('base64') },
      { ...event, id: 'e3' },
    ])
    expect(await post({ headers, body })).toMatchObject({ json: { accepted: 3 } })
    expect(driver.values).toEqual(['"text"', 'bytes', null])
  })

  test.each<[string, unknown]>([
    ['no object', 1],
    ['without an id', { ...event, id: undefined }],
    ['with an empty type', { ...event, type: '' }],
    ['of another version', { ...event, specversion: '0.3' }],
    ['with an attribute that is an object', { ...event, extra: {} }],
    ['with a name that is none', { ...event, 'x\r\ny': '1' }],
    ['with data twice', { ...event, data: 1, data_base64: 'AA==' }],
    ['with base64 that is none', { ...event, data_base64: '%' }],
  ])('%s are refused', async (_, body) => {
    const { driver, send: post } = await aSource()
    const headers = { 'content-type': 'application/cloudevents+json' }
    const answer = await post({ headers, body: JSON.stringify(body) })
    expect(answer).toMatchObject({ status: 400, json: { code: 'cloudevents' } })
    expect(driver.values).toEqual([])
  })
})
