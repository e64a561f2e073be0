import { z } from 'zod'
import type { ConnectionName } from '../../core/connection-name.ts'
import type { AmqpSession } from './amqp-session.ts'
import { amqpReply, reasonOf, refused, replyCodeOf, unavailable } from './amqp-error.ts'

/** Names are short strings in AMQP; those that begin with `amq.` are the server's. */
const maxNameBytes = 255

export function queueName() {
  return z
    .string()
    .min(1)
    .refine((name) => Buffer.byteLength(name) <= maxNameBytes, 'a name has at most 255 bytes')
    .refine((name) => !name.startsWith('amq.'), 'names that begin with "amq." belong to the server')
}

export function exchangeName() {
  return z
    .string()
    .refine((name) => Buffer.byteLength(name) <= maxNameBytes, 'a name has at most 255 bytes')
}

export const declarations = ['quorum', 'classic', 'passive'] as const
export type Declaration = (typeof declarations)[number]

export const declareHelp =
  'What the queue is made as where it is missing: quorum (kept on several servers) or classic, durable both; passive: it is never made, the stage waits until it is there.'

export interface QueueWanted {
  readonly connection: ConnectionName<'rabbitmq'>
  readonly queue: string
  readonly declare: Declaration
}

/**
 * Makes sure of a queue.
 * @returns the messages that wait in it.
 * @throws PipelineError PEER_UNAVAILABLE when there is none and none is to be made; PEER_REFUSED when there
 * is another one by its name.
 */
export async function declareQueue(session: AmqpSession, wanted: QueueWanted): Promise<number> {
  const { connection, queue, declare } = wanted
  const { channel } = session
  try {
    const found =
      declare === 'passive'
        ? await channel.checkQueue(queue)
        : await channel.assertQueue(queue, {
            durable: true,
            arguments: { 'x-queue-type': declare },
          })
    return found.messageCount
  } catch (thrown) {
    const code = replyCodeOf(thrown)
    const reason = reasonOf(thrown)
    if (code === amqpReply.notFound) {
      const hint =
        declare === 'passive' ? '; make it, or let Millrace do so by "declare: quorum"' : ''
      throw unavailable(connection, `${reason}${hint}`)
    }
    if (code === amqpReply.preconditionFailed) {
      const hint = `set "declare" to the type that it has, or to passive`
      throw refused(connection, `the queue "${queue}" is another one: ${reason}; ${hint}`)
    }
    if (code === amqpReply.accessRefused) {
      const { user } = connection.settings
      const hint = `the user "${user}" needs the right to ${declare === 'passive' ? 'read' : 'configure'} it`
      throw refused(connection, `${reason}; ${hint}`)
    }
    throw session.lost ?? unavailable(connection, reason)
  }
}
