import { invariant } from '../../core/errors.ts'
import type { JsonValue } from '../../core/json.ts'

/** Up to so many different values are counted exactly; the state of a group holds them all. */
export const maxExactDistinct = 1_000
/** Longer texts are told apart by 64 bits of hash. */
const maxKeptLength = 100
/** 2^14 registers: a standard error of 1.04 / sqrt(2^14), 0.8 %. */
const indexBits = 14
const registerCount = 2 ** indexBits
/** Register values come from 32 bits of hash: 0 for never hit, 33 for all bits zero. */
const hashBits = 32

/** Counts different texts: exactly up to `maxExactDistinct`, above by HyperLogLog. */
export class DistinctCount {
  #exact: Set<string> | null = new Set()
  #registers: Uint8Array = noRegisters

  add(text: string): void {
    if (this.#exact === null) {
      this.#hit(text)
      return
    }
    this.#exact.add(text.length > maxKeptLength ? hashedText(text) : text)
    if (this.#exact.size > maxExactDistinct) this.#startEstimate(this.#exact)
  }

  count(): number {
    return this.#exact?.size ?? Math.round(estimate(this.#registers))
  }

  save(): JsonValue {
    return this.#exact === null ? Buffer.from(this.#registers).toString('base64') : [...this.#exact]
  }

  static load(saved: JsonValue | undefined): DistinctCount {
    const loaded = new DistinctCount()
    if (Array.isArray(saved)) {
      loaded.#exact = new Set(saved.map(String))
      return loaded
    }
    invariant(typeof saved === 'string', 'a saved distinct count is a list or a text')
    loaded.#exact = null
    loaded.#registers = Buffer.from(saved, 'base64')
    invariant(loaded.#registers.length === registerCount, 'a saved estimate has all registers')
    return loaded
  }

  #startEstimate(exact: ReadonlySet<string>): void {
    this.#registers = new Uint8Array(registerCount)
    this.#exact = null
    for (const text of exact) this.#hit(text)
  }

  #hit(text: string): void {
    // Long texts are hashed twice, as those that the exact count had kept.
    const { high, low } = hash64(text.length > maxKeptLength ? hashedText(text) : text)
    const index = high >>> (32 - indexBits)
    const value = Math.clz32(low) + 1
    if (value > this.#registers[index]!) this.#registers[index] = value
  }
}

const noRegisters: Uint8Array = new Uint8Array(0)

function hashedText(text: string): string {
  const { high, low } = hash64(text)
  return `#${text.length}:${(high >>> 0).toString(16)}:${(low >>> 0).toString(16)}`
}

/** Two 32-bit multiplicative hashes of the code units (cyrb53), finished as MurmurHash3 does. */
function hash64(text: string): { high: number; low: number } {
  let high = 0xdeadbeef
  let low = 0x41c6ce57
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    high = Math.imul(high ^ code, 0x9e3779b1)
    low = Math.imul(low ^ code, 0x5f356495)
  }
  high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35)
  low = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35)
  return { high: finished(high), low: finished(low) }
}

function finished(bits: number): number {
  let mixed = Math.imul(bits ^ (bits >>> 16), 0x7feb352d)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b)
  return mixed ^ (mixed >>> 16)
}

/** Ertl's estimator (arXiv:1702.01284), which needs no correction for small or large counts. */
function estimate(registers: Uint8Array): number {
  const histogram = new Float64Array(hashBits + 2)
  for (const value of registers) histogram[value]! += 1
  let sum = registerCount * tau(1 - histogram[hashBits + 1]! / registerCount)
  for (let value = hashBits; value >= 1; value--) sum = 0.5 * (sum + histogram[value]!)
  sum += registerCount * sigma(histogram[0]! / registerCount)
  return registerCount ** 2 / (2 * Math.LN2 * sum)
}

function sigma(share: number): number {
  if (share === 1) return Number.POSITIVE_INFINITY
  let power = share
  let weight = 1
  let sum = share
  for (let before = -1; before !== sum;) {
    before = sum
    power *= power
    sum += power * weight
    weight += weight
  }
  return sum
}

function tau(share: number): number {
  if (share === 0 || share === 1) return 0
  let root = share
  let weight = 1
  let sum = 1 - share
  for (let before = -1; before !== sum;) {
    before = sum
    root = Math.sqrt(root)
    weight *= 0.5
    sum -= (1 - root) ** 2 * weight
  }
  return sum / 3
}
