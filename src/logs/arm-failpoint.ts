/** Called wherever a test can have the process killed. */
export type ReachFailpoint<Point extends string> = (point: Point) => void

/**
 * @param armed e.g. `before-commit@3`: kill this process without warning when it reaches that point
 * for the third time (`@1` when not said). Undefined, as always outside tests, makes reaching one an
 * empty call.
 */
export function armFailpoint<Point extends string>(
  armed: string | undefined,
): ReachFailpoint<Point> {
  if (armed === undefined) return () => {}
  const [point, times = '1'] = armed.split('@')
  let left = Number(times)
  return (reached) => {
    if (reached !== point) return
    left -= 1
    if (left === 0) process.kill(process.pid, 'SIGKILL')
  }
}
