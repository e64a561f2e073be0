import { decodeJson, encodeJson, isJsonObject, type JsonValue } from '../../../core/json.ts'

/** What a member tells the leader about itself when it joins. */
export interface MemberMetadata {
  /** For messages: host and process. */
  readonly worker: string
  /** Of the pipeline file: members with different ones do not work together. */
  readonly fingerprint: string
  /** Ids of the tasks that it could run. */
  readonly tasks: readonly string[]
  /** Ids of the tasks that it runs now, and goes on running while the group is reassigned. */
  readonly held: readonly string[]
  /** The generation in which it got them. */
  readonly generation: number
  /** The session that it has been part of since then; null for none. */
  readonly session: string | null
}

/** What the leader tells a member. */
export interface MemberAssignment {
  readonly tasks: readonly string[]
  /** Whether some tasks are being stopped for others, so that another round follows soon. */
  readonly isUnsettled: boolean
  /** Names the time in which there has always been a member: a group that was empty has another one. */
  readonly session: string
  /** Why the member gets no work and never will; null where it may take part. */
  readonly refused: string | null
}

const formatVersion = 1

export function encodeMetadata(metadata: MemberMetadata): Uint8Array {
  const [tasks, held] = [[...metadata.tasks], [...metadata.held]]
  return encode({ ...metadata, version: formatVersion, tasks, held })
}

/** Null for bytes that no version of Millrace this one knows has written. */
export function decodeMetadata(bytes: Uint8Array): MemberMetadata | null {
  const fields = decode(bytes)
  const [tasks, held] = [texts(fields?.get('tasks')), texts(fields?.get('held'))]
  const worker = fields?.get('worker')
  const fingerprint = fields?.get('fingerprint')
  const generation = fields?.get('generation')
  const session = fields?.get('session')
  if (tasks === null || held === null) return null
  if (typeof worker !== 'string' || typeof fingerprint !== 'string') return null
  if (typeof generation !== 'number' || !isTextOrNull(session)) return null
  return { worker, fingerprint, tasks, held, generation, session }
}

export function encodeAssignment(assignment: MemberAssignment): Uint8Array {
  return encode({ ...assignment, version: formatVersion, tasks: [...assignment.tasks] })
}

/** Null for bytes that are no assignment. */
export function decodeAssignment(bytes: Uint8Array): MemberAssignment | null {
  const fields = decode(bytes)
  const tasks = texts(fields?.get('tasks'))
  const isUnsettled = fields?.get('isUnsettled')
  const session = fields?.get('session')
  const refused = fields?.get('refused')
  if (tasks === null || typeof isUnsettled !== 'boolean') return null
  if (typeof session !== 'string' || !isTextOrNull(refused)) return null
  return { tasks, isUnsettled, session, refused }
}

function encode(value: JsonValue): Uint8Array {
  return Buffer.from(encodeJson(value))
}

/** The members of the object by name; null unless it is one, of this version. */
function decode(bytes: Uint8Array): ReadonlyMap<string, JsonValue> | null {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  try {
    const value = decodeJson(text)
    if (!isJsonObject(value)) return null
    const fields = new Map(Object.entries(value))
    return fields.get('version') === formatVersion ? fields : null
  } catch {
    // Anybody may join the group: what is no JSON is somebody else's.
    return null
  }
}

function texts(value: JsonValue | undefined): string[] | null {
  if (!Array.isArray(value)) return null
  const found = value.filter((item) => typeof item === 'string')
  return found.length === value.length ? found : null
}

function isTextOrNull(value: JsonValue | undefined): value is string | null {
  return value === null || typeof value === 'string'
}
