import { MersenneTwister } from './mersenne-twister.ts'

const countries = [' de ', 'FR', 'us ', ' gb', 'es', ' Nl ', 'it', 'PL', ' br', 'jp ']
const currencies: Readonly<Record<string, string>> = {
  DE: 'EUR',
  FR: 'EUR',
  US: 'USD',
  GB: 'GBP',
  ES: 'EUR',
  NL: 'EUR',
  IT: 'EUR',
  PL: 'PLN',
  BR: 'BRL',
  JP: 'JPY',
}
const channels = ['web', 'app', 'store', 'partner']
const firstMs = Date.UTC(2026, 0, 1)

export interface ReferenceOrder {
  readonly text: string
  readonly isGood: boolean
}

/**
 * The reference workload: JSON orders of 222 bytes on average, event times 1 ms apart, 50,000 users; of
 * the first million 949,888 are good, 50,112 bad (no amount, an amount that is no number, broken JSON).
 */
export function* referenceOrders(count: number): Generator<ReferenceOrder> {
  const random = new MersenneTwister(42)
  for (let index = 1; index <= count; index++) {
    const user = random.below(50_000)
    const country = random.choice(countries)
    const cents = random.between(100, 100_000)
    const kind = random.random()
    const order: Record<string, unknown> = {
      order_id: `o-${String(index).padStart(7, '0')}`,
      user_id: `u-${user}`,
      email: `customer.${user}@mail${user % 97}.example.com`,
      country,
      amount: `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`,
      currency: currencies[country.trim().toUpperCase()],
      items: random.between(1, 12),
      ts: new Date(firstMs + index).toISOString(),
      channel: random.choice(channels),
      note: 'gift wrap please',
    }
    if (kind < 0.02) delete order['amount']
    else if (kind < 0.035) order['amount'] = random.choice(['abc', '12,50', '', 'N/A'])
    const text = JSON.stringify(order)
    const isBroken = kind >= 0.035 && kind < 0.05
    yield {
      text: isBroken ? text.slice(0, Math.floor((text.length * 2) / 3)) : text,
      isGood: kind >= 0.05,
    }
  }
}
