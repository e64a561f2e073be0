import { expect, it } from 'vitest'
import { inTurns } from '../../src/core/in-turns.ts'

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve))

it('handles messages in their order, and none while it is handed out', async () => {
  const handled: number[] = []
  const receive = inTurns((message: number) => handled.push(message))
  receive(1)
  receive(2)
  expect(handled).toEqual([])
  await nextTurn()
  expect(handled).toEqual([1, 2])
})

it('lets others work before it handles what came in meanwhile', async () => {
  const handled: string[] = []
  const receive = inTurns((message: string) => {
    handled.push(message)
    if (message === 'first') receive('second')
  })
  receive('first')
  setImmediate(() => handled.push('another'))
  await nextTurn()
  await nextTurn()
  expect(handled).toEqual(['first', 'another', 'second'])
})
