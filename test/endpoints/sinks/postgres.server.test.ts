import { describe } from 'vitest'
import { itIsASink, type SinkPeer } from '../connector-suite.ts'
import { describeWithPostgres, sharedPostgres } from '../describe-with-postgres.ts'
import { PostgresPeer } from '../postgres-peer.ts'

async function aPeer(...settings: string[]): Promise<SinkPeer> {
  const columns = 'at bigserial, key text, n bigint CHECK (n >= 0), text text'
  const peer = await PostgresPeer.open(sharedPostgres, columns)
  return {
    connections: peer.connections,
    env: peer.env,
    settings: ['postgres:', '  connection: db', `  table: ${peer.table}`, ...settings],
    away: () => peer.away(),
    back: () => peer.back(),
    silent: () => peer.silent(),
    remove: () => peer.remove(),
    received: async () =>
      (await peer.sql(`SELECT key, n FROM ${peer.table} ORDER BY at`)).map(({ key, n }) => ({
        key: String(key),
        n: Number(n),
      })),
  }
}

const blocked = /the PostgreSQL connection "db" .*the connection was cut/
const bad = { value: { key: 'bad', n: -1 }, code: 'RECORD_REJECTED' }

describeWithPostgres('the sink postgres', () => {
  describe('with its position in the same transactions', () => {
    itIsASink({ open: () => aPeer(), guarantee: 'once', bad, blocked })
  })

  describe('without positions', () => {
    const open = () => aPeer('  positions: false')
    itIsASink({ open, guarantee: 'at_least_once', bad, blocked })
  })
})
