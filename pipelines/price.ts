/** For the step `module` of enrich.yaml: the price of each product, from a list that any service could give. */
const prices: Readonly<Record<string, number>> = { lamp: 39.5, desk: 420, chair: 129.95 }

interface Order {
  readonly id: string
  readonly product: string
  readonly count: number
}

/** The order with its price; null leaves an order out that has nothing in it. */
export function process(order: Order): (Order & { readonly price: number }) | null {
  if (order.count === 0) return null
  const price = prices[order.product]
  // The order fails with this message, and lies in the dead-letter topic.
  if (price === undefined) throw new Error(`no product is called ${order.product}`)
  return { ...order, price }
}
