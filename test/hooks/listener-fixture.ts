import type { AppendedEvent, ListenerEnvironment } from '../../src/core/hook.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'

/** What a listener gets that needs nothing: topics are kept, lines are not. */
export function listenerEnvironment(
  more: Partial<ListenerEnvironment> = {},
): ListenerEnvironment & { readonly appended: { topic: string; record: AppendedEvent }[] } {
  const appended: { topic: string; record: AppendedEvent }[] = []
  return {
    appended,
    log: () => {},
    clock: new VirtualClock(),
    isReliable: false,
    topics: {
      append: (topic, record) => {
        appended.push({ topic, record })
        return Promise.resolve()
      },
    },
    ...more,
  }
}
