import type { Log } from '../core/log.ts'
import type { Run } from '../runtime/start-run.ts'
import { TimingsHistory } from '../runtime/timings-history.ts'
import type { Setting } from './run-setting.ts'

/** Keeps in the log what a run measures, for `millrace report`, until it is closed. */
export function keepTimings(
  started: Run,
  log: Log,
  { environment, options, log: writeLog }: Setting,
): Pick<TimingsHistory, 'close'> {
  const { clock, random, supervisor } = environment
  const history = new TimingsHistory({
    log,
    clock,
    worker: `${supervisor?.worker ?? 1}-${random.next().toString(36).slice(2, 12)}`,
    part: () => started.part(),
    creates: options.createTopics,
    notice: (message) => writeLog('warn', message),
  })
  const over = new AbortController()
  const running = history.run(over.signal)
  return {
    async close(how) {
      over.abort()
      await running
      await history.close(how)
    },
  }
}
