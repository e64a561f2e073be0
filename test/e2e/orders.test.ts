import { hash } from 'node:crypto'
import { expect, it } from 'vitest'
import { millrace } from './cli-process.ts'
import { exampleWorkspace } from './examples.ts'

interface Tapped {
  readonly value: unknown
}

interface Order {
  readonly order_id: string
  readonly email: string
  readonly country: string
  readonly amount?: string
  readonly ts: string
}

/** Whether the pipeline should keep the order, judged from what the generator made. */
function isGood({ amount }: Order): boolean {
  return amount !== undefined && /^\d+(?:\.\d+)?$/.test(amount) && Number(amount) > 0
}

async function tap(topic: string, cwd: string): Promise<unknown[]> {
  const { code, stdout, stderr } = await millrace(
    ['tap', topic, '--json', '--from', 'earliest', '--limit', '100000'],
    { cwd },
  )
  expect({ code, stderr }).toMatchObject({ code: 0 })
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as Tapped).value)
}

it('cleans generated orders and totals them as a recomputation from the raw topic does', async () => {
  using workspace = exampleWorkspace()
  const cwd = workspace.folder
  const { code, stdout, stderr } = await millrace(['run', 'pipelines/orders.yaml'], {
    cwd,
    env: { ORDERS: '20000' },
  })
  expect({ code, stderr }).toMatchObject({ code: 0 })
  const raw = await tap('orders.raw', cwd)
  expect(raw).toHaveLength(20_000)
  const parsed = raw.filter((value): value is Order => typeof value === 'object')
  const good = parsed.filter(isGood)
  const bad = raw.length - good.length
  expect(bad / raw.length).toBeGreaterThan(0.04)
  expect(bad / raw.length).toBeLessThan(0.06)

  const clean = (await tap('orders.clean', cwd)) as (Order & { amount: number })[]
  expect(clean.map(({ order_id }) => order_id).toSorted()).toEqual(
    good.map(({ order_id }) => order_id).toSorted(),
  )
  const masked = new Map(
    good.map(({ order_id, email }) => [order_id, hash('sha256', email, 'hex')]),
  )
  for (const order of clean) expect(order.email).toBe(masked.get(order.order_id))
  expect(await tap('orders.clean.dlq', cwd)).toHaveLength(bad)

  const expected = new Map<string, { orders: number; revenue: number }>()
  for (const { country, amount, ts } of good) {
    const start = new Date(Math.floor(Date.parse(ts) / 10_000) * 10_000).toISOString()
    const key = `${country.trim().toUpperCase()} ${start}`
    const total = expected.get(key) ?? { orders: 0, revenue: 0 }
    expected.set(key, { orders: total.orders + 1, revenue: total.revenue + Number(amount) })
  }
  const rows = stdout
    .trimEnd()
    .split('\n')
    .map(
      (line) =>
        JSON.parse(line) as {
          country: string
          window_start: string
          orders: number
          revenue: number
        },
    )
  expect(rows.map((row) => `${row.country} ${row.window_start}`).toSorted()).toEqual(
    [...expected.keys()].toSorted(),
  )
  for (const { country, window_start, orders, revenue } of rows) {
    const total = expected.get(`${country} ${window_start}`)!
    expect(orders).toBe(total.orders)
    expect(revenue).toBeCloseTo(total.revenue, 4)
  }
})
