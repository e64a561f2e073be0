import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { alertReceiver, type CloudEvent } from './alert-receiver.ts'
import { CliProcess, millrace, Workspace } from './cli-process.ts'
import { exampleWorkspace } from './examples.ts'

interface Tapped<Value> {
  readonly value: Value
  readonly headers: readonly { readonly name: string; readonly value: string }[]
}

function header({ headers }: Tapped<unknown>, name: string): string | undefined {
  return headers.find((each) => each.name === `millrace-dlq-${name}`)?.value
}

async function tap<Value>(topic: string, cwd: string): Promise<Tapped<Value>[]> {
  const { code, stdout, stderr } = await millrace(
    ['tap', topic, '--json', '--from', 'earliest', '--limit', '100000'],
    { cwd },
  )
  expect({ code, stderr }).toMatchObject({ code: 0 })
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Tapped<Value>)
}

it('tells every broken reading over a webhook, though it is killed again and again', async () => {
  using workspace = exampleWorkspace()
  const cwd = workspace.folder
  using receiver = await alertReceiver(40)
  const { alerts, url } = receiver
  const env = { ALERT_URL: url, READINGS: '30000' }
  const args = ['run', 'pipelines/alerts.yaml']
  const seen: number[] = []
  for (const [round, pauseMs] of [40, 150, 300, 80, 400].entries()) {
    const run = new CliProcess(args, { cwd, env })
    const before = alerts.length
    // The first round is killed before anything is told, the others in the middle of it.
    while (round > 0 && alerts.length === before && run.child.exitCode === null) await sleep(5)
    await sleep(pauseMs)
    run.child.kill('SIGKILL')
    await run.ended
    seen.push(alerts.length)
  }
  const { code, stderr } = await millrace(args, { cwd, env })
  expect({ code, stderr }).toMatchObject({ code: 0 })

  const dead = await tap<unknown>('alerts.check.dlq', cwd)
  const places = dead.map((letter) =>
    ['topic', 'partition', 'offset'].map((name) => header(letter, name)).join('/'),
  )
  const stored = (await tap<CloudEvent>('alerts.events', cwd)).map(({ value }) => value)
  const broken = stored.filter(({ type }) => type === 'millrace.record_dead_lettered')
  // One event for each dead letter, in the same commit: none more, none less.
  expect(broken.map(({ subject }) => subject).toSorted()).toEqual(places.toSorted())
  expect(new Set(stored.map(({ id }) => id)).size).toBe(stored.length)
  // Each of them was told, some twice, and always under the same id.
  expect(new Set(alerts.map(({ event }) => event.id))).toEqual(new Set(broken.map(({ id }) => id)))
  const pairs = new Set(alerts.map(({ webhookId, event }) => `${webhookId} ${event.id}`))
  expect(pairs.size).toBe(broken.length)
  expect(broken.length).toBeGreaterThan(500)
  expect(seen.some((count) => count > 0 && count < broken.length)).toBe(true)
  expect(await tap('alerts.events.dlq', cwd)).toEqual([])
  // What is told again after a crash is at most what was told since the last commit, of four partitions.
  expect(alerts.length - broken.length).toBeLessThanOrEqual(5 * 4 * 40)
})

it('starts a program for an event, with nothing of our environment, and ends it in time', async () => {
  using workspace = new Workspace({
    'in.ndjson': '{"n":1}\n{"n":"x"}\n{"n":2}\n',
    'note.sh': '#!/bin/sh\ncat >> "$1"\necho "${SECRET-none}" >> "$1"\n',
    'p.yaml': `
pipeline: p
stages:
  - name: read
    source: { file: { path: in.ndjson, format: ndjson } }
    to: a
  - name: check
    from: a
    steps:
      - cast: { n: integer }
    to: b
    hooks:
      - on: record_dead_lettered
        reliable: true
        do:
          command:
            argv: [sh, note.sh, told.txt, "; touch evil.txt"]
      - on: record_dead_lettered
        reliable: true
        id: slow
        deadline: 200ms
        do:
          command:
            argv: [sh, -c, "sleep 60 & sleep 60"]
`,
  })
  const cwd = workspace.folder
  const env = { SECRET: 'hush' }
  const { code, stderr } = await millrace(['run', 'p.yaml'], { cwd, env })
  expect({ code, stderr }).toMatchObject({ code: 0 })
  const [event, secret, ...more] = workspace.lines('told.txt')
  expect(JSON.parse(event!)).toMatchObject({ type: 'millrace.record_dead_lettered' })
  expect([secret, more]).toEqual(['none', []])
  const refused = await tap<CloudEvent>('p.events.dlq', cwd)
  expect(refused.map((letter) => header(letter, 'message'))).toEqual([
    'the listener did not finish within 0.2 s',
  ])
})
