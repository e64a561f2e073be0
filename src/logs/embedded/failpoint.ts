/**
 * Places at which a test can have the process killed, in the order in which a commit passes them;
 * the last ones lie in opening a task, retention and checkpoints.
 */
export const failpoints = [
  'after-begin',
  'after-outputs',
  'after-state',
  'after-positions',
  'before-commit',
  'after-commit',
  'before-visible',
  'after-visible',
  'open-task',
  'retention',
  'before-checkpoint',
  'after-checkpoint',
] as const
export type Failpoint = (typeof failpoints)[number]

export type ReachFailpoint = (point: Failpoint) => void

/**
 * @param armed e.g. `before-commit@3`: kill this process without warning when it reaches that point
 * for the third time (`@1` when not said). Undefined, as always outside tests, makes reaching one an
 * empty call.
 */
export function armFailpoint(armed: string | undefined): ReachFailpoint {
  if (armed === undefined) return () => {}
  const [point, times = '1'] = armed.split('@')
  let left = Number(times)
  return (reached) => {
    if (reached !== point) return
    left -= 1
    if (left === 0) process.kill(process.pid, 'SIGKILL')
  }
}
