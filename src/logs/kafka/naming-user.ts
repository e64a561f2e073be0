import type { KafkaConnection } from '../../core/kafka-connection.ts'
import type { KafkaClient } from './client/kafka-client.ts'
import { KafkaError } from './client/kafka-error.ts'

export interface NamingOptions {
  readonly connection: Pick<KafkaConnection, 'brokers' | 'sasl'>
  readonly nameSetting: (setting: string) => string
}

/** The client as it is, but where a right is missing its errors say whose, and where. */
export function namingUser(client: KafkaClient, options: NamingOptions): KafkaClient {
  const who = shownUser(options)
  const named = (thrown: unknown) => withUser(thrown, who)
  const calls = Object.entries(client).map(([name, call]) => {
    const send = call as (...args: unknown[]) => unknown
    const wrapped = (...args: unknown[]) => {
      const answer = send(...args)
      if (!(answer instanceof Promise)) return answer
      return answer.catch((thrown: unknown) => {
        throw named(thrown)
      })
    }
    return [name, wrapped] as const
  })
  const wrapped: KafkaClient = { ...client, ...Object.fromEntries(calls) }
  return {
    ...wrapped,
    produce: async (...args) => inAnswers(await wrapped.produce(...args), who),
    fetch: async (...args) => inAnswers(await wrapped.fetch(...args), who),
  }
}

/** Errors of single partitions do not fail the request. */
function inAnswers<Answer extends { readonly error: KafkaError | null }>(
  answers: readonly Answer[],
  who: string,
): readonly Answer[] {
  if (answers.every(({ error }) => error === null)) return answers
  return answers.map((answer) => ({ ...answer, error: withUser(answer.error, who) }))
}

function withUser<Thrown>(thrown: Thrown, who: string): Thrown | KafkaError {
  if (!(thrown instanceof KafkaError) || !thrown.code.endsWith('_AUTHORIZATION_FAILED'))
    return thrown
  const { code, kind, message } = thrown
  const said = message.replace(` (${code})`, '')
  return new KafkaError({ code, kind }, `${said}; it is ${who}`, { cause: thrown })
}

function shownUser({ connection, nameSetting }: NamingOptions): string {
  const { brokers, sasl } = connection
  const at = `at ${brokers.join(', ')} (${nameSetting('brokers')})`
  if (sasl === null)
    return `the user of a connection without a login (${nameSetting('sasl')}), ${at}`
  return `the user "${sasl.username}" (${nameSetting('sasl.username')}), ${at}`
}
