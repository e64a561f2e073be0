import type { RoutedTopic, StageNode } from './topology.ts'

/** The topics that results of a node go to; empty where they go to a sink, or nowhere. */
export function outputTopicsOf({ output }: Pick<StageNode, 'output'>): readonly RoutedTopic[] {
  if (output?.kind === 'topic') return [output]
  return output?.kind === 'topics' ? output.topics : []
}

/** The topics that a node writes records to, with those for records set aside. */
export function topicsWrittenBy(node: StageNode): string[] {
  const aside = [node.deadLetterTopic, node.lateTopic].filter((topic) => topic !== '')
  return [...outputTopicsOf(node).map(({ topic }) => topic), ...aside]
}

export function topicsReadBy(node: StageNode): string[] {
  return node.input.kind === 'topics' ? node.input.topics.map(({ name }) => name) : []
}

/** Upstream before downstream, otherwise in the order of the file. A stage on a cycle is reported. */
export function orderNodes(
  nodes: readonly StageNode[],
  report: (stage: string, message: string) => void,
): StageNode[] {
  const ordered: StageNode[] = []
  const left = new Set(nodes)
  while (left.size > 0) {
    const next = [...left].find(
      (node) => !topicsReadBy(node).some((topic) => isWrittenBy(left, topic)),
    )
    if (next === undefined) {
      const names = [...new Set(onCircles(left).map(({ stage }) => stage))]
      report(
        names[0]!,
        `the stages ${names.join(', ')} read, directly or through each other, what they write`,
      )
      return [...ordered, ...left]
    }
    ordered.push(next)
    left.delete(next)
  }
  return ordered
}

/** Of nodes that all wait for others, those that others wait for in turn. */
function onCircles(waiting: ReadonlySet<StageNode>): StageNode[] {
  const left = new Set(waiting)
  for (;;) {
    const read = new Set([...left].flatMap(topicsReadBy))
    const last = [...left].find((node) => !topicsWrittenBy(node).some((topic) => read.has(topic)))
    if (last === undefined) return [...left]
    left.delete(last)
  }
}

function isWrittenBy(left: ReadonlySet<StageNode>, topic: string): boolean {
  return [...left].some((writer) => topicsWrittenBy(writer).includes(topic))
}
