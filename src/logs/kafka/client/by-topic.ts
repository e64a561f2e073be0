/** Requests list partitions under their topics: the same in that shape, in the order of first use. */
export function byTopic<T extends { readonly topic: string }>(
  partitions: readonly T[],
): readonly { readonly topic: string; readonly partitions: readonly T[] }[] {
  const found = new Map<string, T[]>()
  for (const partition of partitions) {
    const others = found.get(partition.topic)
    if (others === undefined) found.set(partition.topic, [partition])
    else others.push(partition)
  }
  return [...found].map(([topic, ofTopic]) => ({ topic, partitions: ofTopic }))
}

/** For messages: `orders/0, orders/1 and 7 others`. */
export function namePartitions(
  partitions: readonly { readonly topic: string; readonly partition: number }[],
): string {
  const maxNamed = 3
  const named = partitions
    .slice(0, maxNamed)
    .map(({ topic, partition }) => `"${topic}/${partition}"`)
    .join(', ')
  const others = partitions.length - maxNamed
  return others > 0 ? `${named} and ${others} others` : named
}
