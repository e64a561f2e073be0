import { hash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import type { JsonObject } from '../../core/json.ts'
import type { Problem } from '../listening/problem.ts'

const maxClients = 10_000
const maxPort = 65_535
const maxRoomsOfClient = 32
const maxParameters = 32
const refusedNames = new Set(['__proto__', 'constructor', 'prototype'])

/** Settings of sources and sinks that clients connect to by HTTP. */
export const placeFields = {
  host: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('The address to listen on; 0.0.0.0 is every one of this machine.'),
  port: z
    .int()
    .min(0)
    .max(maxPort)
    .describe(
      'The port, which stages may share that have different paths; 0 takes one that is free.',
    ),
  path: z
    .string()
    .regex(/^\/[^?#\s]*$/, 'a path begins with / and has no query: /chat')
    .describe('The path that clients connect to.'),
}

/** Settings of who may connect. */
export const accessFields = {
  origins: z
    .array(z.string().min(1))
    .optional()
    .describe(
      'Pages of which sites may connect, such as https://example.org; "*" for any. By default those of this very host and port. Clients that are no browsers are not asked.',
    ),
  token: z
    .string()
    .min(1)
    .optional()
    .describe(
      'A secret that clients have to show: as `Authorization: Bearer ...`, or as `?token=` where they are browsers. Written as ${secret:NAME}.',
    ),
  max_clients: z
    .int()
    .min(1)
    .default(maxClients)
    .describe('Clients at one time; the next one is refused.'),
}

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
