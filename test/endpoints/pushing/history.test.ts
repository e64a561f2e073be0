import { describe, expect, it } from 'vitest'
import { History } from '../../../src/endpoints/pushing/history.ts'

function kept(limits: { perRoom: number; rooms: number; bytes: number }) {
  const history = new History(limits)
  let number = 0
  return {
    add: (room: string, bytes = 1) =>
      history.add(room, { number: ++number, data: Buffer.alloc(bytes) }),
    of: (rooms: string[], after = 0) => history.after(rooms, after).map((entry) => entry.number),
  }
}

describe('what is kept for those who come later', () => {
  it('is the last messages of each room, once and in order', () => {
    const { add, of } = kept({ perRoom: 2, rooms: 10, bytes: 1_000 })
    for (const room of ['a', 'b', 'a', 'a', 'b']) add(room)
    expect([of(['a']), of(['b', 'a', 'a']), of(['a'], 3), of(['c'])]).toEqual([
      [3, 4],
      [2, 3, 4, 5],
      [4],
      [],
    ])
  })

  it('is nothing where nothing is to be kept', () => {
    const { add, of } = kept({ perRoom: 0, rooms: 10, bytes: 1_000 })
    add('a')
    expect(of(['a'])).toEqual([])
  })

  it('forgets the room that was quiet the longest where there are too many', () => {
    const { add, of } = kept({ perRoom: 5, rooms: 2, bytes: 1_000 })
    for (const room of ['a', 'b', 'a', 'c']) add(room)
    expect([of(['a']), of(['b']), of(['c'])]).toEqual([[1, 3], [], [4]])
  })

  it('takes no more memory than it may, of one room either', () => {
    const { add, of } = kept({ perRoom: 100, rooms: 100, bytes: 100 })
    add('a', 60)
    add('b', 30)
    add('b', 30)
    expect([of(['a']), of(['b'])]).toEqual([[], [2, 3]])
    add('b', 90)
    expect(of(['b'])).toEqual([4])
    add('b', 200)
    expect(of(['b'])).toEqual([])
    add('a', 100)
    expect(of(['a', 'b'])).toEqual([6])
  })
})
