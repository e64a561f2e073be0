import type { Guarantee } from '../core/endpoints.ts'
import type {
  GuaranteedOutput,
  GuaranteedPath,
  HookGuarantee,
  Hop,
  PipelineGuarantees,
} from '../topology/guarantees.ts'
import { wrapText } from './wrap-text.ts'

/** Lines are for a terminal of the usual width, whatever this one has: they are compared and pasted. */
const width = 80
const labelWidth = 16
const gap = '  '

const words: Readonly<Record<Guarantee, string>> = {
  exactly_once: 'exactly once',
  effectively_once: 'effectively once',
  at_least_once: 'at least once',
  at_most_once: 'at most once',
  best_effort: 'best effort',
}

const losesAndRepeats = 'Records can be lost, and others can come twice.'
const setAside =
  'Dead letters and late records are part of the commit of their stage: the same holds for them.'
const readCommitted =
  'On Kafka, exactly once is what a reader with isolation.level=read_committed sees.'

/** What holds on each path of a pipeline and why, for people. */
export function guaranteeLines({ pipeline, log, outputs, hooks }: PipelineGuarantees): string[] {
  const bestEffort = hooks.filter(({ reliable }) => !reliable)
  const where = log === 'kafka' ? 'Kafka' : 'the embedded log'
  return [
    `Guarantees of the pipeline ${pipeline} on ${where}`,
    ...outputs.flatMap((output) => ['', ...outputLines(output)]),
    ...(bestEffort.length === 0 ? [] : ['', ...hookLines(bestEffort)]),
    '',
    ...indented(setAside, ''),
    ...(log === 'kafka' ? indented(readCommitted, '') : []),
  ]
}

function outputLines({
  output,
  stage,
  guarantee,
  weakest,
  paths,
  morePaths,
}: GuaranteedOutput): string[] {
  const links = weakest.map((hop) => `${hop.stage} (${hop.from} -> ${hop.to})`)
  const summary =
    links.length === 0
      ? 'No link is weaker.'
      : `The weakest ${links.length === 1 ? 'link is' : 'links are'} ${links.join(', ')}.`
  return [
    `${output}, written by ${stage}: ${words[guarantee]}`,
    ...indented(guarantee === 'best_effort' ? `${losesAndRepeats} ${summary}` : summary, gap),
    ...paths.flatMap((path, index) => [
      '',
      ...(paths.length === 1 ? [] : [`${gap}Path ${index + 1} of ${paths.length}:`]),
      ...pathLines(path),
    ]),
    ...(morePaths ? ['', `${gap}There are more paths, of the same stages.`] : []),
  ]
}

function pathLines({ hops, beginsOutside }: GuaranteedPath): string[] {
  const start = beginsOutside
    ? indented(
        `${hops[0]!.from} is written outside of this file: what is repeated there counts as new here.`,
        gap,
      )
    : []
  return [...start, ...hops.flatMap((hop, index) => hopLines(hop, hops[index - 1]))]
}

function hopLines(hop: Hop, before: Hop | undefined): string[] {
  const isLikewise = before?.why === hop.why && hop.afterCrash === null
  return [
    `${gap}${words[hop.guarantee].padEnd(labelWidth)}${gap}${hop.node}: ${hop.from} -> ${hop.to}`,
    ...said(isLikewise ? 'Likewise.' : hop.why),
    ...(hop.afterCrash === null ? [] : said(`After a crash: ${lowered(hop.afterCrash)}`)),
    ...(hop.dropBy === null ? [] : said(`A receiver can drop what is repeated by ${hop.dropBy}`)),
  ]
}

/** Those of reliable hooks are among the outputs. */
function hookLines(hooks: readonly HookGuarantee[]): string[] {
  const names = hooks.map(
    ({ stage, listener, on }) => `${listener} on ${on.join(', ')} of ${stage}`,
  )
  return [
    'Hooks: best effort',
    ...indented(
      `${names.join('; ')}. They run beside the data and never change it: a listener that is slow, fails or is cut off by a crash misses events.`,
      gap,
    ),
  ]
}

function said(text: string): string[] {
  return indented(text, gap + ' '.repeat(labelWidth) + gap)
}

function indented(text: string, indent: string): string[] {
  return wrapText(text, width - indent.length).map((line) => indent + line)
}

/** The first letter of a sentence that goes on behind a colon. */
function lowered(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}

/** The same as data, with keys as pipeline files have them. */
export function guaranteeJson({ pipeline, log, outputs, hooks }: PipelineGuarantees): unknown {
  return {
    pipeline,
    log,
    outputs: outputs.map(({ output, stage, guarantee, weakest, paths, morePaths }) => ({
      output,
      stage,
      guarantee,
      weakest,
      paths: paths.map((path) => ({
        guarantee: path.guarantee,
        begins_outside: path.beginsOutside,
        hops: path.hops.map((hop) => ({
          stage: hop.stage,
          node: hop.node,
          from: hop.from,
          to: hop.to,
          guarantee: hop.guarantee,
          why: hop.why,
          after_crash: hop.afterCrash,
          drop_by: hop.dropBy,
        })),
      })),
      more_paths: morePaths,
    })),
    hooks: hooks.map(({ stage, listener, on, reliable }) => ({
      stage,
      listener,
      on,
      guarantee: reliable ? 'at_least_once' : 'best_effort',
    })),
  }
}
