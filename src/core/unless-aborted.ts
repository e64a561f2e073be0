/**
 * What `promise` becomes, or null as soon as `signal` aborts. A request that was sent goes on without
 * anybody who waits for it: its outcome is ignored, errors included.
 */
export async function unlessAborted<Result>(
  promise: Promise<Result>,
  signal: AbortSignal,
): Promise<Result | null> {
  let stopWaiting!: () => void
  const aborted = new Promise<null>((resolve) => {
    stopWaiting = () => resolve(null)
  })
  if (signal.aborted) stopWaiting()
  signal.addEventListener('abort', stopWaiting, { once: true })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', stopWaiting)
  }
}
