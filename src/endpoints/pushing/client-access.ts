import { hash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { JsonObject } from '../../core/json.ts'
import type { Problem } from '../listening/problem.ts'

const maxRoomsOfClient = 32
const maxParameters = 32
const refusedNames = new Set(['__proto__', 'constructor', 'prototype'])

export interface AccessSetting {
  readonly origins?: readonly string[] | undefined
  readonly token?: string | undefined
}

/** The query of a request: names once, with their last value; without the secret. */
export function queryOf(request: IncomingMessage): JsonObject {
  const query = Object.create(null) as JsonObject
  let count = 0
  for (const [name, value] of parametersOf(request)) {
    if (name === 'token' || refusedNames.has(name)) continue
    if (++count > maxParameters) break
    query[name] = value
  }
  return query
}

/** The rooms that a client has asked for. */
export function roomsOf(request: IncomingMessage): readonly string[] {
  const rooms = new Set(parametersOf(request).getAll('room'))
  rooms.delete('')
  return [...rooms].slice(0, maxRoomsOfClient)
}

/** Why the client may not connect; null: it may. */
export function refusalOf(request: IncomingMessage, setting: AccessSetting): Problem | null {
  if (!isOriginAllowed(request, setting.origins))
    return {
      status: 403,
      code: 'origin',
      detail: 'pages of this origin may not connect; add it to the setting origins',
    }
  if (setting.token !== undefined && !showsToken(request, setting.token))
    return {
      status: 401,
      code: 'token',
      detail: 'a token is needed: the header Authorization with Bearer, or ?token=',
      headers: { 'www-authenticate': 'Bearer' },
    }
  return null
}

function isOriginAllowed(
  { headers }: IncomingMessage,
  origins: readonly string[] | undefined,
): boolean {
  const { origin, host } = headers
  if (origin === undefined) return true
  if (origins === undefined) return origin === `http://${host}` || origin === `https://${host}`
  return origins.includes('*') || origins.includes(origin)
}

function showsToken(request: IncomingMessage, token: string): boolean {
  const { authorization = '' } = request.headers
  const shown = /^Bearer +(.*)$/i.exec(authorization)?.[1] ?? parametersOf(request).get('token')
  // Hashes have one length, so that the time it takes tells nothing of the secret.
  return shown != null && timingSafeEqual(digest(shown), digest(token))
}

function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer')
}

function parametersOf({ url = '' }: IncomingMessage): URLSearchParams {
  const at = url.indexOf('?')
  return new URLSearchParams(at === -1 ? '' : url.slice(at + 1))
}
