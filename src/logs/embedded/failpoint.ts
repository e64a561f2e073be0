import type { ReachFailpoint as Reach } from '../arm-failpoint.ts'

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

export type ReachFailpoint = Reach<Failpoint>
