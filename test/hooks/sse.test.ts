import { describe, expect, it } from 'vitest'
import { sseListener } from '../../src/hooks/sse.ts'
import { ListeningEndpoints } from '../endpoints/listening-endpoints.ts'
import { heldBack, pushingTo } from './pushed-events.ts'

/** The first bytes that a page gets, up to a text. */
async function untilText(url: string, part: string): Promise<string> {
  const ended = new AbortController()
  const { body } = await fetch(url, { signal: ended.signal })
  let text = ''
  for await (const chunk of body!.pipeThrough(new TextDecoderStream())) {
    text += chunk
    if (text.includes(part)) break
  }
  ended.abort()
  return text
}

describe('the listener sse', () => {
  it('pushes to pages, and gives those who come later the last events of their rooms', async () => {
    const endpoints = new ListeningEndpoints()
    const setting = { port: 0, path: '/alerts', history: 2, room: 'value.room', map: 'value' }
    const { notify } = await pushingTo(sseListener, setting, endpoints)
    const url = `http://127.0.0.1:${endpoints.port}/alerts?room=tea`
    const early = untilText(url, 'eve')
    await notify(heldBack('tea'))
    await notify(heldBack('coffee'))
    for (const text of [await early, await untilText(url, 'eve')]) {
      expect(text).toContain('data: {"room":"tea","user":"eve"}\n\n')
      expect(text).not.toContain('coffee')
    }
  })

  it('keeps an event of several lines one event', async () => {
    const endpoints = new ListeningEndpoints()
    const setting = { port: 0, path: '/alerts', history: 1, map: 'value.room' }
    const { notify } = await pushingTo(sseListener, setting, endpoints)
    await notify(heldBack('a\r\nevent: evil\n\ndata: b'))
    const text = await untilText(`http://127.0.0.1:${endpoints.port}/alerts`, 'data: b')
    expect(text).toContain('data: a\ndata: event: evil\ndata: \ndata: data: b\n\n')
  })

  it('takes its secret by reference only, and refuses who does not show it', async () => {
    expect(sseListener.secrets).toEqual([['token']])
    const endpoints = new ListeningEndpoints()
    await pushingTo(sseListener, { port: 0, path: '/alerts', token: 'hush' }, endpoints)
    const url = `http://127.0.0.1:${endpoints.port}/alerts`
    expect((await fetch(url)).status).toBe(401)
  })
})
