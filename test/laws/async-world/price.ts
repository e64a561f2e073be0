import type { ModuleFunction } from '../../../src/core/module-operator.ts'

interface Order {
  readonly sku: string
  readonly price: number
  readonly count: number
}

/** The module that examples of the step `module` name. */
export const process: ModuleFunction<Order, Order & { total: number }> = (order) => ({
  ...order,
  total: order.price * order.count,
})

export const lines: ModuleFunction<
  { readonly lines?: readonly object[] },
  object,
  { readonly currency: string }
> = async ({ lines: all }, { config }) =>
  all === undefined ? null : all.map((line) => ({ ...line, ...config }))
