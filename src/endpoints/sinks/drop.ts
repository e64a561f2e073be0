import { z } from 'zod'
import { defineSink } from '../../core/endpoints.ts'

export const dropSink = defineSink({
  type: 'drop',
  summary: 'Takes records and forgets them: to measure a pipeline, or to run one for its hooks.',
  config: z.strictObject({}).describe('It has no settings.'),
  examples: [{ title: 'Count records only', config: {} }],
  delivery: 'exactly_once',
  guarantee: () => ({
    guarantee: 'exactly_once',
    why: 'Nothing is written.',
    afterCrash: null,
    dropBy: null,
  }),
  remembers: false,
  singleTask: () => false,
  files: () => [],
  reset: () => Promise.resolve(),
  create: () => ({
    begin: () => Promise.resolve(null),
    write: () => Promise.resolve({ memory: null, failures: [] }),
    close: () => Promise.resolve(),
  }),
})
