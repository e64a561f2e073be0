import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { AsyncOperator } from '../../src/core/async-operator.ts'
import { PipelineError } from '../../src/core/errors.ts'
import { type AsyncDefinition, defineAsync } from '../../src/core/operator.ts'
import { PipelineDriver } from '../../src/simulation/pipeline-driver.ts'
import { definitions, json, recordsOf, startMs, topologyOf } from './pipeline-fixture.ts'

const text = `
pipeline: p
stages:
  - name: ask
    from: in
    retry: { backoff: { initial: 1s, max: 1s } }
    steps:
      - ask: 1
    to: out
`

function askBy(process: AsyncOperator['process']): AsyncDefinition {
  return defineAsync({
    type: 'ask',
    kind: 'async',
    summary: 'Asks.',
    config: z.unknown(),
    examples: [{ title: 'any', config: 1, input: [], output: [] }],
    create: () => ({ process, close: () => Promise.resolve() }),
  })
}

function driverOf(definition: AsyncDefinition, stub?: AsyncOperator): PipelineDriver {
  const operators = [...definitions.operators, definition]
  const topology = topologyOf(text, { definitions: { ...definitions, operators }, partitions: 1 })
  return new PipelineDriver(topology, {
    startMs,
    ...(stub === undefined
      ? {}
      : { stub: (stage, { id }) => (`${stage}.${id}` === 'ask.ask' ? stub : null) }),
  })
}

async function valuesOut(driver: PipelineDriver): Promise<unknown[]> {
  return recordsOf(await driver.stored('out')).map(({ value }) => value)
}

describe('a driven pipeline with a step that waits for something outside', () => {
  it('waits for a call of the real world, which no virtual clock hurries', async () => {
    const driver = driverOf(
      askBy(async ({ value }) => [
        value,
        (await readFile(import.meta.filename, 'utf8')).length > 0,
      ]),
    )
    await driver.start()
    await driver.send('in', [json(1), json(2)])
    expect(await valuesOut(driver)).toEqual([1, true, 2, true])
    await driver.end()
  })

  it('asks a stub where there is one, which may be away for some of its time', async () => {
    let attempts = 0
    const stub: AsyncOperator = {
      process: ({ value }) => {
        attempts += 1
        if (attempts < 3) throw new PipelineError('PEER_UNAVAILABLE', '503')
        return [{ asked: value }]
      },
      close: () => Promise.resolve(),
    }
    const driver = driverOf(
      askBy(() => {
        throw new TypeError('the step itself must not be asked')
      }),
      stub,
    )
    await driver.start()
    await driver.send('in', [json(1)])
    expect(await valuesOut(driver)).toEqual([])
    expect(driver.events.map(({ event }) => event)).toContain('stage_blocked')
    await driver.advance(2_000)
    expect(await valuesOut(driver)).toEqual([{ asked: 1 }])
    await driver.end()
  })

  it('asks again after a restart for what was not committed, and once for what was', async () => {
    const asked: unknown[] = []
    let isAway = false
    const driver = driverOf(
      askBy(({ value }) => {
        asked.push(value)
        if (isAway) throw new PipelineError('PEER_UNAVAILABLE', '503')
        return [value]
      }),
    )
    await driver.start()
    await driver.send('in', [json(1)])
    isAway = true
    await driver.send('in', [json(2)])
    isAway = false
    await driver.restart()
    expect(await valuesOut(driver)).toEqual([1, 2])
    expect(asked).toEqual([1, 2, 2])
    await driver.end()
  })
})
