import { z } from 'zod'
import { defineListener, logLevels } from '../core/hook.ts'

/**
 * The record's value is left out on purpose: what users send through a pipeline is theirs, and logs
 * travel further than topics do.
 */
export const logListener = defineListener({
  type: 'log',
  summary: 'Write a line to the log of the process, with the facts of the event but not the value.',
  config: z.strictObject({
    level: z.enum(logLevels).default('info').describe('The level of the line.'),
    message: z
      .string()
      .min(1)
      .optional()
      .describe('The text of the line; the name of the event if left out.'),
  }),
  examples: [
    { title: 'A warning for each event', config: { level: 'warn' } },
    { title: 'A text of your own', config: { level: 'error', message: 'orders wait too long' } },
  ],
  create({ level, message }, { log }) {
    return {
      notify(event) {
        const { event: name, pipeline, stage } = event
        log(level, message ?? name, { ...event.data, event: name, pipeline, stage })
      },
    }
  },
})
