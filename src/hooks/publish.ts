import { z } from 'zod'
import { cloudEventOf, cloudEventsType } from '../core/cloud-event.ts'
import { expression } from '../core/config-types.ts'
import { defineListener, type HookEvent } from '../core/hook.ts'
import { encodeJson, type JsonValue } from '../core/json.ts'
import { topicName } from '../core/topic-name.ts'
import { evaluateEvent } from './evaluate-event.ts'

export const publishListener = defineListener({
  type: 'publish',
  summary:
    'Write the event to a topic of the log, as a CloudEvent or what an expression makes of it.',
  config: z.strictObject({
    topic: topicName().describe(
      'The topic, which is created like any other and can be read by `from`.',
    ),
    key: expression()
      .optional()
      .describe(
        'The key of the record, over `event` and `value`; left out, it is the stage, so that its events keep their order.',
      ),
    map: expression()
      .optional()
      .describe('The value of the record, over `event` and `value`; a CloudEvent if left out.'),
  }),
  examples: [
    { title: 'All alerts of a pipeline in one topic', config: { topic: 'alerts' } },
    {
      title: 'Broken values by their error',
      config: { topic: 'broken', key: 'event.code', map: 'value' },
    },
  ],
  topics: ({ topic }) => [topic],
  create({ topic, key, map }, { topics }) {
    return {
      notify(event) {
        const record = {
          key: key === undefined ? event.stage : keyText(evaluateEvent(key, event)),
          value: encodeJson(map === undefined ? cloudEventOf(event) : evaluateEvent(map, event)),
          headers: headersOf(event, map === undefined),
          eventTimeMs: event.timeMs,
        }
        return topics.append(topic, record)
      },
    }
  },
})

/** As keys of records are: text as it is, anything else as JSON. */
function keyText(value: JsonValue): string | null {
  if (value === null) return null
  return typeof value === 'string' ? value : encodeJson(value)
}

/** The id, which stays the same when a reliable hook publishes an event once more. */
function headersOf({ id }: HookEvent, isCloudEvent: boolean): [string, string][] {
  const named: [string, string][] = [['millrace-event-id', id]]
  return isCloudEvent ? [['content-type', cloudEventsType], ...named] : named
}
