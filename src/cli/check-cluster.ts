import { messageOf } from '../core/errors.ts'
import { shownLog } from './choose-log.ts'
import type { CliEnvironment } from './cli-environment.ts'
import type { LogFinding } from '../core/log.ts'
import type { LogChoice } from './log-choice.ts'
import { lookIntoLog } from './open-log.ts'
import { showDuration } from './show-amount.ts'

/** Whether the cluster of a log can be reached, and whether it is as it should be; nothing is changed. */
export async function checkCluster(
  choice: LogChoice,
  environment: CliEnvironment,
): Promise<LogFinding[]> {
  const { clock } = environment
  const name = 'cluster'
  const startUs = clock.monotonicUs()
  try {
    return await lookIntoLog(choice, environment, async (log) => {
      const took = showDuration((clock.monotonicUs() - startUs) / 1_000)
      const text = `${shownLog(choice)} was reached in ${took}`
      return [{ name, status: 'ok', text }, ...((await log.examine?.()) ?? [])]
    })
  } catch (error) {
    return [{ name, status: 'wrong', text: messageOf(error) }]
  }
}
