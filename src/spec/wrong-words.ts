import type { Finding } from './findings.ts'

/** Where a word stands: each place has words of other tools that are not ours. */
export type Place =
  | 'pipeline'
  | 'stage'
  | 'step'
  | 'source'
  | 'sink'
  | 'listener'
  | 'hook'
  | 'connection'
  | 'test'
  | 'test step'

type Words = Readonly<Record<string, string>>

const stageWords: Words = {
  input: 'a stage reads "source: { TYPE: ... }" (outside) or "from: TOPIC"',
  inputs: 'a stage reads one or more topics: "from: [TOPIC, TOPIC]"',
  output: 'a stage writes "to: TOPIC" or "sink: { TYPE: ... }" (outside)',
  outputs: 'a stage writes "to: TOPIC" or "sink: { TYPE: ... }" (outside)',
  sources: 'a stage has one "source: { TYPE: ... }", or reads topics: "from: [TOPIC, TOPIC]"',
  sinks: 'a stage has one "sink: { TYPE: ... }"; for more, add stages that read the same topic',
  processors: 'the work of a stage is a list: "steps:", with "- OPERATOR: SETTING" on each line',
  transforms: 'the work of a stage is a list: "steps:", with "- OPERATOR: SETTING" on each line',
  transform: 'the work of a stage is a list: "steps:", with "- OPERATOR: SETTING" on each line',
  mapping: 'fields are set by a step: "steps:", "- set:", and "FIELD: EXPRESSION" below',
  fallback:
    'records that fail go to the dead-letter topic; "on_error: dlq | skip | stop" says otherwise',
  window: 'a window belongs to a step: "- aggregate:", and "window: { tumbling: 10s }" below',
  group_by: 'groups belong to a step: "- aggregate:", and "by: EXPRESSION" below',
  filter: 'filter is a step: "steps:", and "- filter: EXPRESSION" below',
  topic: 'a stage reads "from: TOPIC" and writes "to: TOPIC"',
  type: 'a source or sink is named by its key: "source:", and "file:" below',
  dead_letter: 'another dead-letter topic is named by "dlq: TOPIC"',
  errors: 'what becomes of a failed record is "on_error: dlq | skip | stop"',
}

const topWords: Words = {
  ...stageWords,
  sources:
    'there is no map of sources: each is a stage with "name:", "source: { TYPE: ... }" and "to: TOPIC"',
  sinks:
    'there is no map of sinks: each is a stage with "name:", "from: TOPIC" and "sink: { TYPE: ... }"',
  input:
    'each input is a stage: "stages:", "- name: NAME", "source: { TYPE: ... }" and "to: TOPIC"',
  output:
    'each output is a stage: "stages:", "- name: NAME", "from: TOPIC" and "sink: { TYPE: ... }"',
  processors:
    'steps belong to a stage: "stages:", "- name: NAME", and "steps:" with one operator per line',
  transforms:
    'steps belong to a stage: "stages:", "- name: NAME", and "steps:" with one operator per line',
  steps: 'steps belong to a stage: "stages:", "- name: NAME", and "steps:" below',
  source: 'a source belongs to a stage: "stages:", "- name: NAME", and "source:" below',
  sink: 'a sink belongs to a stage: "stages:", "- name: NAME", and "sink:" below',
  from: '"from" belongs to a stage: "stages:", "- name: NAME", and "from:" below',
  to: '"to" belongs to a stage: "stages:", "- name: NAME", and "to:" below',
  name: 'a pipeline is named by "pipeline: NAME"',
  version: 'a pipeline file has no version',
}

const stepWords: Words = {
  when: 'a condition beside an operator is "if: EXPRESSION"',
  mapping:
    'fields are set by "- set:" with "FIELD: EXPRESSION" below; "- map: EXPRESSION" replaces the value',
  bloblang: 'fields are set by "- set:" with "FIELD: EXPRESSION" below',
  where: 'records are kept by "- filter: EXPRESSION"',
  drop_if: 'records are kept by "- filter: EXPRESSION"; "!" in front turns the condition round',
  select: 'fields are kept by "- keep: [FIELD, FIELD]"',
  drop: 'fields are removed by "- remove: [FIELD]"; records are dropped by "- filter: EXPRESSION"',
  delete: 'fields are removed by "- remove: [FIELD]"',
  window: 'a window belongs to "- aggregate:": "window: { tumbling: 10s }"',
  group_by: 'groups belong to "- aggregate:": "by: EXPRESSION"',
  reduce: 'records are brought together by "- aggregate:"',
  deduplicate: 'repeated records are dropped by "- dedupe:" with "by: EXPRESSION"',
  distinct: 'repeated records are dropped by "- dedupe:" with "by: EXPRESSION"',
  unnest: 'a list becomes one record per item by "- split: FIELD"',
  convert: 'types are converted by "- cast:" with "FIELD: TYPE" below',
  fallback:
    'records that fail go to the dead-letter topic; the stage says "on_error: dlq | skip | stop"',
  if: 'a condition stands beside an operator: "- set: ...", and "if: EXPRESSION" in line with "set"',
}

const wrongWords: Readonly<Partial<Record<Place, Words>>> = {
  pipeline: topWords,
  stage: stageWords,
  step: stepWords,
  source: { topic: 'a topic is read by "from: TOPIC" in place of "source"' },
  sink: { topic: 'a topic is written by "to: TOPIC" in place of "sink"' },
  hook: {
    event: 'the events are listed in "on: [EVENT]"',
    events: 'the events are listed in "on: [EVENT]"',
    if: 'a condition is "when: EXPRESSION"',
    action: 'what is done is named in "do:", with "LISTENER: SETTING" below',
    listeners: 'what is done is named in "do:", with "LISTENER: SETTING" below',
  },
  test: {
    stub: 'a step, "- stub: { NAME: [ANSWER] }" under "steps:"',
    fail: 'a step, "- fail: { STAGE: [503, ok] }" under "steps:"',
  },
}

/** Parts of the language that this version does not have yet; told as that, not as a typing error. */
const laterWords: Readonly<Partial<Record<Place, readonly string[]>>> = {
  step: ['join', 'detect'],
}

/** What to say about a word that has no meaning at its place, or null where it is simply unknown. */
export function findingForWord(word: string, place: Place): Finding | null {
  if (laterWords[place]?.includes(word) === true) {
    return { code: 'CONFIG_INVALID', message: `"${word}" (of a ${place}) is not supported yet` }
  }
  const words = wrongWords[place] ?? {}
  const hint = Object.hasOwn(words, word) ? words[word] : undefined
  if (hint === undefined) return null
  const code =
    place === 'step' || place === 'source' || place === 'sink'
      ? 'CONFIG_UNKNOWN_OPERATOR'
      : 'CONFIG_UNKNOWN_KEY'
  return { code, message: `"${word}" is not a word of a ${place} here; did you mean: ${hint}` }
}
