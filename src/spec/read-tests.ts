import type { CheckContext } from './check-setting.ts'
import { childOf, type ConfigNode } from './config-node.ts'
import type { PipelineFile } from './pipeline-schema.ts'
import type { ConfigPath, TestSpec, TestStep } from './pipeline-spec.ts'
import { readComponent } from './read-component.ts'
import { testStepDefinitions, type PlannedAnswer, type PlannedStub } from './test-schema.ts'

export function readTestSteps(
  test: ConfigNode,
  path: ConfigPath,
  context: CheckContext,
): TestStep[] {
  const list = childOf(test, 'steps')
  if (list?.kind !== 'list') return []
  return list.items.flatMap((node, index) => {
    const component = readComponent<(typeof testStepDefinitions)[number]>(node, {
      context,
      path: [...path, 'steps', index],
      definitions: testStepDefinitions,
      place: 'test step',
      extras: [],
    })
    return component === undefined
      ? []
      : [stepOf(component.definition.type, component.config, component.path)]
  })
}

function stepOf(kind: TestStep['kind'], config: unknown, path: ConfigPath): TestStep {
  if (kind === 'advance') return { kind, byMs: config as number, path }
  if (kind === 'restart') return { kind, path }
  if (kind === 'fail')
    return { kind, of: new Map(Object.entries(config as Record<string, PlannedAnswer[]>)), path }
  if (kind === 'stub')
    return { kind, of: new Map(Object.entries(config as Record<string, PlannedStub[]>)), path }
  if (kind === 'send') {
    return { kind, to: new Map(Object.entries(config as Record<string, unknown[]>)), path }
  }
  return { kind, of: new Map(Object.entries(config as Record<string, unknown>)), path }
}

export function buildTest(
  test: NonNullable<PipelineFile['tests']>[number],
  { path, steps }: { path: ConfigPath; steps: readonly TestStep[] },
): TestSpec {
  return {
    name: test.name,
    path,
    clockMs: test.clock ?? null,
    partitions: test.partitions,
    end: test.end,
    steps,
  }
}
