import { isIPv4, isIPv6 } from 'node:net'
import ipaddr from 'ipaddr.js'

/** An address as a number: IPv4 as a double, IPv6 as a BigInt. */
export type AddressNumber = number | bigint

/** null for what is no address. An IPv4 address that is written as IPv6 (`::ffff:192.0.2.1`) counts as IPv4. */
export function addressNumber(text: string): AddressNumber | null {
  if (isIPv4(text)) return fourParts(text)
  if (!isIPv6(text) || text.includes('%')) return null
  const parsed = ipaddr.IPv6.parse(text)
  if (parsed.isIPv4MappedAddress()) return fourParts(parsed.toIPv4Address().toString())
  return BigInt(`0x${Buffer.from(parsed.toByteArray()).toString('hex')}`)
}

/** The first and the last address of a CIDR block, whatever bits are set behind the prefix; null for what is none. */
export function cidrRange(text: string): readonly [AddressNumber, AddressNumber] | null {
  const slash = text.indexOf('/')
  const length = text.slice(slash + 1)
  const address = slash === -1 ? null : addressNumber(text.slice(0, slash))
  if (address === null || !/^\d{1,3}$/.test(length)) return null
  const bits = typeof address === 'number' ? ipv4Bits : ipv6Bits
  // The length of an IPv4 block that is written as IPv6 counts its 96 bits in front.
  const prefix =
    Number(length) - (bits === ipv4Bits && text.includes(':') ? ipv6Bits - ipv4Bits : 0)
  if (prefix < 0 || prefix > bits) return null
  const span = 1n << BigInt(bits - prefix)
  const first = (BigInt(address) / span) * span
  const last = first + span - 1n
  return bits === ipv4Bits ? [Number(first), Number(last)] : [first, last]
}

const ipv4Bits = 32
const ipv6Bits = 128

function fourParts(text: string): number {
  let address = 0
  let part = 0
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === point) {
      address = address * 256 + part
      part = 0
    } else part = part * 10 + code - zero
  }
  return address * 256 + part
}

const point = 0x2e
const zero = 0x30
