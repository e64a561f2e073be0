import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { PipelineError } from '../core/errors.ts'
import type { Log, LogAdmin } from '../core/log.ts'
import { logFileName } from '../logs/embedded/storage.ts'
import { parseManifest, type Manifest } from '../topology/manifest.ts'
import { chooseLog, shownLog, type LogOptions } from './choose-log.ts'
import { exitCodes, say, type CliEnvironment, type ExitCode } from './cli-environment.ts'
import { confirm } from './confirm.ts'
import { fitStoredTopics } from './fit-stored-topics.ts'
import { loadOrTell } from './load-or-tell.ts'
import type { PipelineFile } from './load-topologies.ts'
import type { LogChoice } from './log-choice.ts'
import { lookIntoLog } from './open-log.ts'
import { outsideTopics } from './outside-topics.ts'
import { planTopics, type TopicPlan } from './topic-plan.ts'
import { planJson, planLines } from './topic-plan-text.ts'

export interface TopicsOptions extends LogOptions {
  readonly json?: boolean
}

/** A plan with what is needed to carry it out. */
interface Planned {
  readonly plan: TopicPlan
  /** By name of the pipeline, what is stored of those that were planned for. */
  readonly manifests: ReadonlyMap<string, Manifest>
}

type Admin = Pick<Log, 'admin'>

/** `millrace topics plan`: what `apply` would do. */
export async function topicsPlan(
  paths: readonly string[],
  options: TopicsOptions,
  environment: CliEnvironment,
): Promise<ExitCode> {
  const files = loadOrTell(paths, options.log, environment)
  if (files === null) return exitCodes.config
  const choice = chooseLog(options, files, environment)
  const make = (log: Admin) => makePlan(files, log, { choice, options, environment })
  const { plan } = isNew(choice, environment)
    ? await make({ admin: emptyAdmin })
    : await lookIntoLog(choice, environment, make)
  show(plan, choice, { options, environment })
  return plan.refused.length > 0 ? exitCodes.config : exitCodes.ok
}

/** `millrace topics apply`: shows the plan, and carries it out once that was allowed. */
export async function topicsApply(
  paths: readonly string[],
  options: TopicsOptions & { readonly yes?: boolean },
  environment: CliEnvironment,
): Promise<ExitCode> {
  const files = loadOrTell(paths, options.log, environment)
  if (files === null) return exitCodes.config
  const choice = chooseLog(options, files, environment)
  const notice = (message: string) => say(environment, message)
  const log = await environment.openLog(choice, { readOnly: false, notice })
  try {
    const planned = await makePlan(files, log, { choice, options, environment })
    show(planned.plan, choice, { options, environment })
    const { create, change, refused } = planned.plan
    if (refused.length > 0) return exitCodes.config
    const changes = create.length + change.length
    if (changes === 0) return exitCodes.ok
    if (!(await isAllowed(changes, options, environment))) {
      say(environment, 'Nothing was changed.')
      return exitCodes.failed
    }
    await carryOut(planned, log.admin)
    say(
      environment,
      `${changes === 1 ? '1 topic was' : `${changes} topics were`} created or changed.`,
    )
    return exitCodes.ok
  } finally {
    await log.close()
  }
}

/** A data directory that was never used: nothing is stored, and looking does not make it. */
function isNew(choice: LogChoice, { cwd }: CliEnvironment): boolean {
  return choice.kind === 'embedded' && !existsSync(join(resolve(cwd, choice.dataDir), logFileName))
}

const refuse = () => Promise.reject(new PipelineError('INVARIANT', 'there is no log to change'))
const emptyAdmin: LogAdmin = {
  ensureTopics: refuse,
  alterTopic: refuse,
  reset: refuse,
  storeManifest: refuse,
  describeTopics: () => Promise.resolve([]),
  loadManifest: () => Promise.resolve(null),
  manifests: () => Promise.resolve([]),
}

async function makePlan(
  files: readonly PipelineFile[],
  log: Admin,
  of: { choice: LogChoice; options: TopicsOptions; environment: CliEnvironment },
): Promise<Planned> {
  const { choice, environment, options } = of
  const { topologies } = await fitStoredTopics(files, log, { environment, options })
  const own = new Set(topologies.map(({ prefix, pipeline }) => `${prefix}${pipeline}`))
  const manifests = await storedManifests(log.admin)
  const wanted = topologies.flatMap(({ topics }) => topics)
  const plan = planTopics(wanted, {
    log: choice.kind,
    stored: await log.admin.describeTopics([...new Set(wanted.map(({ name }) => name))]),
    // The embedded log makes whatever is read, as a run does.
    outside: choice.kind === 'kafka' ? outsideTopics(files, topologies) : new Set(),
    nodes: topologies.flatMap(({ nodes }) => nodes),
    others: new Map([...manifests].filter(([name]) => !own.has(name))),
  })
  return { plan, manifests: new Map([...manifests].filter(([name]) => own.has(name))) }
}

async function storedManifests(admin: LogAdmin): Promise<Map<string, Manifest>> {
  const names = await admin.manifests()
  const texts = await Promise.all(names.map((name) => admin.loadManifest(name)))
  return new Map(
    names.flatMap((name, index) => {
      const text = texts[index] ?? null
      return text === null ? [] : [[name, parseManifest(text)] as const]
    }),
  )
}

function show(
  plan: TopicPlan,
  choice: LogChoice,
  { options, environment }: { options: TopicsOptions; environment: CliEnvironment },
): void {
  const { stdout, mask } = environment
  if (options.json === true) {
    stdout.write(`${JSON.stringify(mask.json(planJson(plan)), null, 2)}\n`)
    return
  }
  const lines = planLines(plan, shownLog(choice))
  stdout.write(mask.text(`${lines.join('\n')}\n`))
}

/** @throws PipelineError CONFIG_USAGE when nobody can be asked. */
async function isAllowed(
  changes: number,
  { yes }: { readonly yes?: boolean },
  environment: CliEnvironment,
): Promise<boolean> {
  if (yes === true) return true
  if (environment.screen.canAsk) {
    return confirm(
      `Carry out ${changes === 1 ? 'this change' : `these ${changes} changes`}?`,
      environment,
    )
  }
  throw new PipelineError(
    'CONFIG_USAGE',
    'nobody is there to confirm the plan: add --yes to carry it out; nothing was changed',
  )
}

async function carryOut({ plan, manifests }: Planned, admin: LogAdmin): Promise<void> {
  const grown = plan.change.flatMap(({ to: { name, partitions } }) =>
    partitions === undefined ? [] : [[name, partitions] as const],
  )
  // Known before it is done: after a crash in between the next plan still has it.
  for (const [name, manifest] of manifests) {
    const own = grown.filter(([topic]) => manifest.topics[topic] !== undefined)
    if (own.length === 0) continue
    const topics = { ...manifest.topics, ...Object.fromEntries(own) }
    await admin.storeManifest(name, JSON.stringify({ ...manifest, topics }))
  }
  await admin.ensureTopics(plan.create)
  for (const { to } of plan.change) await admin.alterTopic(to)
}
