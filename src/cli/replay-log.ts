import { resolve } from 'node:path'
import { PipelineError } from '../core/errors.ts'
import type { Log, LogAdmin, LogReader } from '../core/log.ts'
import { replayTask } from '../core/replay-header.ts'
import type { CliEnvironment } from './cli-environment.ts'
import { connectControl, type WritingTask } from './control-client.ts'
import { say } from './cli-environment.ts'
import type { LogChoice } from './log-choice.ts'
import { lookIntoLog } from './open-log.ts'

/** A log that dead letters are written back to. */
export interface ReplayLog {
  readonly reader: LogReader
  readonly admin: Pick<LogAdmin, 'describeTopics'>
  /** @param outputs topics that are written to. */
  openTask(group: string, outputs: readonly string[]): Promise<WritingTask>
}

/** For a process that has just locked the directory and does not listen yet. */
const patienceMs = 3_000
const pauseMs = 100

/** On Kafka: where it is kept what was written back. */
export function replayStateTopic(group: string): string {
  return `${group}.changelog`
}

/**
 * Opens the log for as long as `use` takes: of a data directory that a run has locked through that run, else
 * by itself.
 * @throws PipelineError as `OpenLog`; DATA_DIR_IN_USE when another command writes to the directory.
 */
export async function withReplayLog<Result>(
  choice: LogChoice,
  environment: CliEnvironment,
  use: (log: ReplayLog) => Promise<Result>,
): Promise<Result> {
  const { clock, cwd } = environment
  if (choice.kind === 'kafka') return withOwnLog(choice, environment, use)
  const directory = resolve(cwd, choice.dataDir)
  const untilUs = clock.monotonicUs() + patienceMs * 1_000
  for (;;) {
    const client = await connectControl(directory)
    if (client !== null) {
      return lookIntoLog(choice, environment, ({ reader, admin }) =>
        use({ reader, admin, openTask: (group, outputs) => client.openTask({ group, outputs }) }),
      )
    }
    try {
      // Looking first: no directory is made by a mistyped name.
      await lookIntoLog(choice, environment, async () => {})
      return await withOwnLog(choice, environment, use)
    } catch (thrown) {
      const isHeld = thrown instanceof PipelineError && thrown.code === 'DATA_DIR_IN_USE'
      if (!isHeld || clock.monotonicUs() > untilUs) throw thrown
      await clock.sleep(pauseMs)
    }
  }
}

async function withOwnLog<Result>(
  choice: LogChoice,
  environment: CliEnvironment,
  use: (log: ReplayLog) => Promise<Result>,
): Promise<Result> {
  const notice = (message: string) => say(environment, message)
  const log = await environment.openLog(choice, { readOnly: false, notice })
  try {
    const { reader, admin } = log
    return await use({
      reader,
      admin,
      openTask: (group, outputs) => openTask(log, { group, outputs, kind: choice.kind }),
    })
  } finally {
    await log.close()
  }
}

async function openTask(
  log: Log,
  { group, outputs, kind }: { group: string; outputs: readonly string[]; kind: LogChoice['kind'] },
): Promise<WritingTask> {
  const task = { id: replayTask(group), group, inputs: [], start: 'earliest', outputs } as const
  if (kind === 'embedded') return log.openTask(task)
  const topic = replayStateTopic(group)
  await log.admin.ensureTopics([
    { name: topic, partitions: 1, retentionMs: null, cleanup: 'compact' },
  ])
  const changelog = { topic, partition: 0 }
  return log.openTask({ ...task, delivery: 'exactly_once', changelog })
}
