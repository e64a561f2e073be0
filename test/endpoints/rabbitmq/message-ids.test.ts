import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../../../src/core/json.ts'
import { MessageIds } from '../../../src/endpoints/rabbitmq/message-ids.ts'

const options = { max: 1_000, withinMs: 60_000 }

/** As the log keeps positions: each commit changes some of the keys. */
function stored(into: Map<string, JsonValue>, ids: MessageIds): Map<string, JsonValue> {
  for (const [key, value] of ids.changes()) into.set(key, JSON.parse(JSON.stringify(value)))
  return into
}

function add(ids: MessageIds, from: number, to: number, nowMs = 0): void {
  for (let n = from; n < to; n++) ids.add(`id-${n}`, nowMs)
}

describe('MessageIds', () => {
  it('knows an id again, also after what was stored is read', () => {
    const ids = new MessageIds(new Map(), options)
    add(ids, 0, 700)
    const again = new MessageIds(stored(new Map(), ids), options)
    for (const each of [ids, again]) {
      expect([each.has('id-0', 0), each.has('id-699', 0), each.has('id-700', 0)]).toEqual([
        true,
        true,
        false,
      ])
    }
  })

  it('forgets an id once its time is over', () => {
    const ids = new MessageIds(new Map(), options)
    ids.add('a', 0)
    expect([ids.has('a', 60_000), ids.has('a', 60_001)]).toEqual([true, false])
  })

  it('remembers at least as many as it should, and never many more, however many come', () => {
    const kept = new Map<string, JsonValue>()
    let ids = new MessageIds(kept, options)
    for (let n = 0; n < 20_000; n += 100) {
      add(ids, n, n + 100)
      stored(kept, ids)
      if (n % 1_000 === 0) ids = new MessageIds(kept, options)
    }
    const known = Array.from({ length: 20_000 }, (_, n) => ids.has(`id-${n}`, 0))
    expect(known.slice(-1_000).every(Boolean)).toBe(true)
    expect(known.filter(Boolean).length).toBeLessThanOrEqual(1_000 + 2 * 256)
    expect(kept.size).toBeLessThanOrEqual(5)
  })

  it('writes only what has changed', () => {
    const ids = new MessageIds(new Map(), options)
    add(ids, 0, 600)
    expect([...ids.changes().keys()]).toEqual(['ids-0', 'ids-1', 'ids-2'])
    ids.add('one more', 0)
    expect([...ids.changes().keys()]).toEqual(['ids-2'])
    expect(ids.changes().size).toBe(0)
  })

  it('begins anew where what was stored makes no sense', () => {
    const broken = new Map<string, JsonValue>([
      ['ids-0', null],
      ['ids-1', { sequence: 'x', at: 0, ids: [] }],
      ['ids-2', { sequence: 2, at: 5, ids: ['a', 7] }],
      ['other', 1],
    ])
    const ids = new MessageIds(broken, options)
    expect([ids.has('a', 5), ids.has('7', 5)]).toEqual([true, false])
  })

  it('takes ids that are names of what objects have', () => {
    const ids = new MessageIds(new Map(), options)
    expect(ids.has('__proto__', 0)).toBe(false)
    ids.add('__proto__', 0)
    expect(new MessageIds(stored(new Map(), ids), options).has('__proto__', 0)).toBe(true)
  })
})
