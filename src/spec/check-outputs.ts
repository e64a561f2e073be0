import { didYouMean } from '../core/nearest-name.ts'
import { childOf, type ConfigNode } from './config-node.ts'
import type { Findings } from './findings.ts'
import type { ConfigPath, StageSpec, StepSpec } from './pipeline-spec.ts'

/** A step `route` and the outputs in `to` belong together. */
export function checkOutputs(stage: StageSpec, node: ConfigNode, findings: Findings): void {
  const refuse = (path: ConfigPath, message: string, hint?: string) =>
    findings.atKey(path, {
      code: 'CONFIG_INVALID',
      message,
      ...(hint === undefined ? {} : { hint }),
    })
  const what = `the stage "${stage.name}"`
  const { outputs } = stage
  const [route, second] = stage.steps.filter(isRoute)
  if (second !== undefined) return refuse(second.path, `${what} has two steps \`route\``)
  if (outputs?.kind !== 'route') {
    if (route !== undefined)
      refuse(
        route.path,
        `${what} has a step \`route\` and no outputs that it could choose from`,
        'name them: "to: { NAME: TOPIC, otherwise: TOPIC }"',
      )
    return
  }
  const to = [...stage.path, 'to']
  if (route === undefined) {
    // One with errors of its own is still there.
    if (hasRoute(node)) return
    refuse(
      to,
      `${what} has several outputs and no step that chooses among them`,
      'end its steps with "- route:" and "NAME: CONDITION" below',
    )
    return
  }
  if (stage.steps.at(-1) !== route)
    refuse(route.path, '`route` is the last step of a stage: move the steps below it before it')
  const chosen = Object.keys(route.config as object)
  const names = [...outputs.topics.keys()]
  for (const name of chosen.filter((each) => !outputs.topics.has(each)))
    refuse([...route.path, name], `"to" has no output "${name}"${didYouMean(name, names)}`)
  for (const name of names.filter((each) => !chosen.includes(each)))
    refuse(
      [...to, name],
      `no condition of \`route\` chooses the output "${name}"${didYouMean(name, chosen)}`,
    )
}

function isRoute({ definition }: StepSpec): boolean {
  return definition.type === 'route'
}

function hasRoute(stage: ConfigNode): boolean {
  const steps = childOf(stage, 'steps')
  return (
    steps?.kind === 'list' &&
    steps.items.some((step) => step.kind === 'map' && childOf(step, 'route') !== undefined)
  )
}
