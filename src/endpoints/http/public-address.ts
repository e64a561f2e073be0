import type { lookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'
import { PipelineError } from '../../core/errors.ts'

/** IPv6 addresses that are routed at all begin with these three bits. */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3')

/**
 * Whether an address is neither of a private network, nor of this host, nor of a link, nor set aside
 * (RFC 6890). An IPv4 address inside of an IPv6 one is judged as what it is; tunnels to IPv4 count as
 * not public, as they may lead anywhere.
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false
  const parsed = ipaddr.process(address)
  if (parsed.range() !== 'unicast') return false
  return parsed instanceof ipaddr.IPv4 || parsed.match(globalUnicast)
}

export function addressRefused(host: string): PipelineError {
  return new PipelineError(
    'PEER_REJECTED',
    `${host} is an address of this host or of a private network, and only public ones are allowed (\`allow_private\` of a webhook, \`addresses\` of an http sink)`,
  )
}

/** Where it looks a name up; tests put a resolver of their own. */
export type ResolveName = typeof lookup

/**
 * Looks a name up as `dns.lookup`, and gives public addresses only. The connection is made to what it
 * returns, so that nobody can give another answer in between.
 */
export function publicLookup(resolve: ResolveName): LookupFunction {
  return (host, options, done) => {
    resolve(host, { ...options, all: true }, (error, found) => {
      if (error !== null) return done(error, '')
      const allowed = found.filter(({ address }) => isPublicAddress(address))
      const [first] = allowed
      if (first === undefined) return done(addressRefused(host), '')
      if (options.all === true) done(null, allowed)
      else done(null, first.address, first.family)
    })
  }
}
