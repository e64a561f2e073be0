export interface ClientLimits {
  readonly maxClients: number
  /** Of one address. */
  readonly maxPerAddress: number
}

/** Counts the clients that are there, all and by address. */
export class ClientCount {
  readonly #limits: ClientLimits
  readonly #byAddress = new Map<string, number>()
  #all = 0

  constructor(limits: ClientLimits) {
    this.#limits = limits
  }

  /** Why there is no place for one more; null: there is one, and it is taken. */
  enter(address: string): string | null {
    const ofAddress = this.#byAddress.get(address) ?? 0
    const { maxClients, maxPerAddress } = this.#limits
    if (this.#all >= maxClients)
      return `${maxClients} clients are connected, which is as many as may be`
    if (ofAddress >= maxPerAddress)
      return `${maxPerAddress} clients of this address are connected, which is as many as may be`
    this.#all += 1
    this.#byAddress.set(address, ofAddress + 1)
    return null
  }

  leave(address: string): void {
    const ofAddress = this.#byAddress.get(address) ?? 0
    this.#all -= 1
    if (ofAddress <= 1) this.#byAddress.delete(address)
    else this.#byAddress.set(address, ofAddress - 1)
  }
}
