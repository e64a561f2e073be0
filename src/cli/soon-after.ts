import type { CliEnvironment } from './cli-environment.ts'

/** A command that is to stop waits for so long for an answer that it has asked for. */
const patienceMs = 2_000

/** Aborts a while after `stopping` does, unless the command is over by then. */
export function soonAfter(
  stopping: AbortSignal,
  { environment, over }: { readonly environment: CliEnvironment; readonly over: AbortSignal },
): AbortSignal {
  const late = new AbortController()
  const wait = async () => {
    await environment.clock.sleep(patienceMs, over)
    if (!over.aborted) late.abort()
  }
  if (stopping.aborted) void wait()
  else stopping.addEventListener('abort', () => void wait(), { once: true })
  return late.signal
}
