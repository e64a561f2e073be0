import { outputTopicsOf } from './order-nodes.ts'
import type { NodeStep, RoutedOutput, StageNode, Topology, TopologyTopic } from './topology.ts'

/** The topology as indented text: each part of a stage with what it reads, does and writes. */
export function describeTopology(topology: Topology): string {
  const name = `pipeline ${topology.prefix}${topology.pipeline}`
  const blocks = topology.nodes.map((node) => describeNode(node, topology))
  return [name, ...blocks, describeTopics(topology.topics)].join('\n\n')
}

function describeNode(node: StageNode, { hooks }: Topology): string {
  const events = hooks.filter(({ stage }) => stage === node.stage && node.id === node.stage)
  const lines: readonly (readonly [string, string])[] = [
    ['reads', inputText(node)],
    ['steps', node.steps.map(stepText).join(', ')],
    ['waits', waitsText(node)],
    ['writes', outputText(node)],
    ['failed', failedText(node)],
    ['late', node.lateTopic],
    ['state', node.changelogTopic ?? ''],
    ['commits', node.delivery === 'at_least_once' ? 'at least once' : ''],
    ['hooks', events.map(({ on, listener }) => `${on.join(', ')} -> ${listener.type}`).join('; ')],
  ]
  const shown = lines.filter(([, text]) => text !== '')
  return [
    `${node.id} (${node.role}, ${counted(node.tasks, 'task')})`,
    ...shown.map(([label, text]) => `  ${label.padEnd(7)} ${text}`),
  ].join('\n')
}

function describeTopics(topics: readonly TopologyTopic[]): string {
  const width = Math.max(0, ...topics.map(({ name }) => name.length))
  const lines = topics.map(({ name, partitions, kind }) => {
    const note = kind === 'user' ? '' : `, ${kindText[kind]}`
    return `  ${name.padEnd(width)}  ${counted(partitions, 'partition')}${note}`
  })
  return ['topics', ...lines].join('\n')
}

const kindText = {
  internal: 'between the parts of a stage',
  repartition: 'between the parts of a stage, by another key',
  dead_letter: 'dead letters',
  late: 'late records',
  replay: 'dead letters that come back',
  changelog: 'state',
} as const

function inputText({ input }: StageNode): string {
  if (input.kind === 'source') return `source ${input.definition.type}`
  return input.topics.map(({ name }) => name).join(', ')
}

function stepText({ id, definition, if: condition, part }: NodeStep): string {
  const name = id === definition.type ? id : `${definition.type} (${id})`
  const notes = [part === 'project' ? 'key and projection' : '', condition === null ? '' : 'if ...']
  const shown = notes.filter((note) => note !== '')
  return shown.length === 0 ? name : `${name} [${shown.join('; ')}]`
}

/** How much of the work that waits for something outside goes on at once. */
function waitsText({ steps, settings, tasks }: StageNode): string {
  const waiting = steps.filter(({ definition }) => definition.kind === 'async')
  if (waiting.length === 0) return ''
  const each = tasks === 1 ? '' : ' in each task'
  const atOnce =
    (settings.concurrency ?? 1) === 1 ? '' : `up to ${settings.concurrency} at once${each}, `
  return `${waiting.map(({ id }) => id).join(', ')}: ${atOnce}those of one key in order`
}

function outputText({ output }: StageNode): string {
  if (output === null) return ''
  if (output.kind === 'sink') return `sink ${output.definition.type}`
  const key = output.key === null ? '' : ', with a key'
  if (output.kind === 'topic') return `${output.topic}${key}`
  return `${choiceText(output)}${key}`
}

function choiceText({ choice, topics }: RoutedOutput): string {
  if (choice.kind === 'template')
    return `${choice.template.source} of ${topics.map(({ topic }) => topic).join(', ')}`
  const named = [...choice.byName].map(([name, topic]) => `${topic} (${name})`)
  const rest = choice.otherwise === null ? [] : [`${choice.otherwise} (otherwise)`]
  return [...named, ...rest].join(', ')
}

function failedText({ settings, deadLetterTopic }: StageNode): string {
  if (settings.onError === 'dlq') return deadLetterTopic
  return settings.onError === 'skip' ? 'counted and skipped' : 'stops the pipeline'
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** The topology as a Mermaid flowchart, for Markdown pages. Dead-letter and late topics hang on dotted arrows. */
export function drawTopology(topology: Topology): string {
  const ids = new Map(topology.topics.map(({ name }, index) => [name, `topic${index}`]))
  const drawn = topology.topics.filter(({ kind }) => kind !== 'replay')
  const lines = drawn.map(({ name, partitions }) => {
    return `  ${ids.get(name)}[(${quoted([name, counted(partitions, 'partition')])})]`
  })
  for (const [index, node] of topology.nodes.entries())
    lines.push(...drawNode(node, `stage${index}`, ids))
  return ['flowchart LR', ...lines].join('\n')
}

function drawNode(node: StageNode, id: string, topics: ReadonlyMap<string, string>): string[] {
  const { input, output, steps } = node
  const lines = [`  ${id}[${quoted([node.id, node.role, ...steps.map((step) => step.id)])}]`]
  if (input.kind === 'source')
    lines.push(`  ${id}source([${quoted([input.definition.type])}]) --> ${id}`)
  else lines.push(...input.topics.map(({ name }) => `  ${topics.get(name)} --> ${id}`))
  for (const { topic } of outputTopicsOf(node)) lines.push(`  ${id} --> ${topics.get(topic)}`)
  if (output?.kind === 'sink')
    lines.push(`  ${id} --> ${id}sink([${quoted([output.definition.type])}])`)
  const aside = [node.settings.onError === 'dlq' ? node.deadLetterTopic : '', node.lateTopic]
  lines.push(
    ...aside.filter((topic) => topic !== '').map((topic) => `  ${id} -.-> ${topics.get(topic)}`),
  )
  return lines
}

/** A label of several lines; Mermaid has entities of its own for what would end it. */
function quoted(parts: readonly string[]): string {
  const escaped = parts.map((part) => part.replaceAll('"', '#quot;').replaceAll('<', '#lt;'))
  return `"${escaped.join('<br/>')}"`
}
