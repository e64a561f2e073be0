import { describe, expect, it } from 'vitest'
import { websocketSink } from '../../src/endpoints/sinks/websocket.ts'
import { websocketListener } from '../../src/hooks/websocket.ts'
import { aBatch } from '../endpoints/endpoint-fixture.ts'
import { ListeningEndpoints } from '../endpoints/listening-endpoints.ts'
import { SocketPeer } from '../endpoints/websocket/socket-peer.ts'
import { heldBack, pushingTo } from './pushed-events.ts'

const place = { port: 0, path: '/chat' }

describe('the listener websocket', () => {
  it('pushes a CloudEvent to everybody', async () => {
    const endpoints = new ListeningEndpoints()
    const { notify } = await pushingTo(websocketListener, place, endpoints)
    const url = `ws://127.0.0.1:${endpoints.port}/chat`
    const peers = [await SocketPeer.open(url), await SocketPeer.open(`${url}?room=tea`)]
    await notify(heldBack('tea'))
    for (const peer of peers) {
      await peer.until(({ received }) => received.length === 1)
      expect(JSON.parse(peer.received[0]!)).toMatchObject({
        id: 'e-tea',
        type: 'millrace.record_dead_lettered',
        data: { event: { code: 'RECORD_REQUIRED' }, value: { user: 'eve' } },
      })
    }
  })

  it('pushes to the clients in the rooms of the event what an expression makes of it', async () => {
    const endpoints = new ListeningEndpoints()
    const setting = {
      ...place,
      history: 5,
      room: 'value.room',
      map: "value.user + ': ' + event.code",
    }
    const { notify } = await pushingTo(websocketListener, setting, endpoints)
    const url = `ws://127.0.0.1:${endpoints.port}/chat`
    const tea = await SocketPeer.open(`${url}?room=tea`)
    await notify(heldBack('coffee'))
    await notify(heldBack(null))
    await notify(heldBack('tea'))
    await tea.until(({ received }) => received.length > 0)
    expect(tea.received).toEqual(['eve: RECORD_REQUIRED'])
    const late = await SocketPeer.open(`${url}?room=coffee`)
    await late.until(({ received }) => received.length > 0)
    expect(late.received).toEqual(['eve: RECORD_REQUIRED'])
  })

  it('has the clients of a sink of its path, who stay while one of both is open', async () => {
    const endpoints = new ListeningEndpoints()
    const sink = await endpoints.sink(websocketSink, place)
    const { listener, notify } = await pushingTo(
      websocketListener,
      { ...place, map: "'event'" },
      endpoints,
    )
    const peer = await SocketPeer.open(`ws://127.0.0.1:${endpoints.port}/chat`)
    await notify(heldBack('tea'))
    await listener.close?.()
    await sink.write(aBatch(['"record"']), new AbortController().signal)
    await peer.until(({ received }) => received.length === 2)
    expect(peer.received).toEqual(['event', '"record"'])
  })

  it('does not begin where others of its path want other clients', async () => {
    const endpoints = new ListeningEndpoints()
    await endpoints.sink(websocketSink, place)
    const opening = pushingTo(websocketListener, { ...place, max_clients: 3 }, endpoints)
    await expect(opening).rejects.toMatchObject({ code: 'CONFIG_ADDRESS' })
  })

  it('reaches nobody where nobody can connect, as in tests of pipelines', async () => {
    const { notify } = await pushingTo(websocketListener, place, null)
    expect(await notify(heldBack('tea'))).toBeUndefined()
  })
})
