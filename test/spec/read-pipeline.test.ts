import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Aggregation, Expression, FilePath } from '../../src/core/expression.ts'
import { load, problemsOf, stageWith, stepWith } from './load-file.ts'

const orders = `
pipeline: orders
description: Clean web orders.
topics:
  orders.raw:
    partitions: 2
    retention: 1d
  orders.clean:
stages:
  - name: ingest
    source:
      http:
        path: /orders
        port: \${PORT:-8080}
    key: value.user_id
    to: orders.raw
  - name: clean
    from: orders.raw
    steps:
      - trim: [country]
      - filter: value.amount > 0
        if: value.country == 'NL'
      - compact
      - filter: true
      - dedupe:
          by: value.order_id
        id: once
    retry:
      max: 5
      backoff: { initial: 50ms }
    on_error: skip
    to: orders.clean
    hooks:
      - on: [record_dead_lettered, record_late]
        when: value.amount > 100
        do:
          log: { level: warn }
          module: { path: ./notify.ts }
      - on: stage_blocked
        do: log
  - name: totals
    from: [orders.clean, orders.old]
    event_time: value.ts
    steps:
      - aggregate:
          window: { tumbling: 10s, grace: 5s }
          by: value.country
          fields:
            revenue: sum(value.amount)
    limits: { lag: 1000, delay: 1m }
    state: { max_keys: 5 }
    sink: drop
tests:
  - name: a broken amount is dead-lettered
    clock: 2026-02-01T00:00:00
    steps:
      - send:
          ingest:
            - { user_id: u1, amount: "n/a", big: 12345678901234567890 }
            - $raw: 'not json'
      - advance: 6m
      - restart
      - expect:
          orders.clean: []
          dlq:
            - { stage: clean }
`

describe('a pipeline file that is read', () => {
  const { spec } = load(orders)
  const [ingest, clean, totals] = spec.stages

  it('has its frame and the topics that it lists', () => {
    expect(spec).toMatchObject({
      pipeline: 'orders',
      description: 'Clean web orders.',
      namespace: '',
      log: null,
    })
    const unsaid = { cleanup: 'delete', replication: null }
    expect([...spec.topics]).toEqual([
      ['orders.raw', { partitions: 2, retentionMs: 86_400_000, ...unsaid }],
      ['orders.clean', { partitions: 4, retentionMs: 604_800_000, ...unsaid }],
    ])
  })

  it('has sources with their settings, where a variable has the type that is needed', () => {
    expect(ingest).toMatchObject({
      name: 'ingest',
      from: [],
      to: 'orders.raw',
      sink: null,
      source: {
        config: { path: '/orders', port: 8080 },
        path: ['stages', 0, 'source', 'http'],
      },
    })
    expect(ingest?.source?.definition.type).toBe('http')
    expect(ingest?.key).toEqual(new Expression('value.user_id'))
  })

  it('has steps with ids that name the operator, and what stands beside it', () => {
    expect(
      clean?.steps.map(({ id, definition, path }) => [id, definition.type, path.join('.')]),
    ).toEqual([
      ['trim', 'trim', 'stages.1.steps.0.trim'],
      ['filter', 'filter', 'stages.1.steps.1.filter'],
      ['compact', 'compact', 'stages.1.steps.2'],
      ['filter-2', 'filter', 'stages.1.steps.3.filter'],
      ['once', 'dedupe', 'stages.1.steps.4.dedupe'],
    ])
    expect(clean?.steps.map((step) => step.if?.source ?? null)).toEqual([
      null,
      "value.country == 'NL'",
      null,
      null,
      null,
    ])
    expect(clean?.steps[2]?.config).toEqual({ deep: false })
    expect(clean?.steps[3]?.config).toEqual(new Expression('true'))
    expect(clean?.steps[4]?.config).toEqual({
      by: new Expression('value.order_id'),
      within: 600_000,
    })
  })

  it('has every default filled in', () => {
    expect(ingest).toMatchObject({
      start: 'earliest',
      onError: 'dlq',
      retry: { max: 3, backoff: { initialMs: 100, maxMs: 10_000 } },
      idleMs: 30_000,
      maxFutureMs: 3_600_000,
      limits: { lag: null, delayMs: null },
      maxKeys: 10_000_000,
      dlq: null,
      late: null,
      eventTime: null,
      hooks: [],
    })
    expect(clean).toMatchObject({
      onError: 'skip',
      retry: { max: 5, backoff: { initialMs: 50, maxMs: 10_000 } },
    })
    expect(totals).toMatchObject({ limits: { lag: 1_000, delayMs: 60_000 }, maxKeys: 5 })
  })

  it('has hooks with several listeners, also by bare name', () => {
    const [first, second] = clean?.hooks ?? []
    expect(first).toMatchObject({ on: ['record_dead_lettered', 'record_late'] })
    expect(first?.when).toEqual(new Expression('value.amount > 100'))
    expect(first?.listeners.map(({ definition, config }) => [definition.type, config])).toEqual([
      ['log', { level: 'warn' }],
      ['module', { path: new FilePath('./notify.ts') }],
    ])
    expect(second).toMatchObject({
      on: ['stage_blocked'],
      when: null,
      path: ['stages', 1, 'hooks', 1],
    })
    expect(second?.listeners.map(({ config }) => config)).toEqual([{ level: 'info' }])
  })

  it('has several topics, settings of nested maps and a sink by bare name', () => {
    expect(totals?.from).toEqual(['orders.clean', 'orders.old'])
    expect(totals?.eventTime).toEqual(new Expression('value.ts'))
    expect(totals?.steps[0]?.config).toEqual({
      window: { tumbling: 10_000, grace: 5_000 },
      by: new Expression('value.country'),
      fields: { revenue: new Aggregation('sum(value.amount)') },
    })
    expect(totals?.sink).toMatchObject({ config: {}, path: ['stages', 2, 'sink'] })
  })

  it('has tests whose data is as it is written, down to numbers that a double cannot hold', () => {
    const [first] = spec.tests
    expect(first).toMatchObject({ clockMs: Date.UTC(2026, 1, 1), partitions: 1, end: 'close' })
    expect(first?.steps.map(({ kind }) => kind)).toEqual(['send', 'advance', 'restart', 'expect'])
    const [send, advance, , last] = first?.steps ?? []
    const sent = send?.kind === 'send' ? send.to.get('ingest') : undefined
    expect(JSON.stringify(sent)).toBe(
      '[{"user_id":"u1","amount":"n/a","big":12345678901234567890},{"$raw":"not json"}]',
    )
    expect(advance).toMatchObject({ byMs: 360_000 })
    expect(last?.kind === 'expect' ? [...last.of.keys()] : []).toEqual(['orders.clean', 'dlq'])
  })
})

describe('defaults', () => {
  it('hold for stages that do not say otherwise, one setting at a time', () => {
    const { spec } = load(`
pipeline: p
defaults:
  retry: { max: 9, backoff: { max: 1m } }
  on_error: stop
  event_time: value.at
stages:
  - name: a
    from: x
    to: y
  - name: b
    from: y
    to: z
    retry: { max: 1 }
    on_error: dlq
    event_time: value.ts
`)
    const [a, b] = spec.stages
    expect(a).toMatchObject({
      onError: 'stop',
      retry: { max: 9, backoff: { initialMs: 100, maxMs: 60_000 } },
    })
    expect(a?.eventTime?.source).toBe('value.at')
    expect(b).toMatchObject({
      onError: 'dlq',
      retry: { max: 1, backoff: { initialMs: 100, maxMs: 60_000 } },
    })
    expect(b?.eventTime?.source).toBe('value.ts')
  })
})

describe('keys that begin with x-', () => {
  it('are ignored wherever only known keys are, and give anchors a place', () => {
    const { spec } = load(`
x-retry: &retry { max: 7, x-note: seven }
pipeline: p
topics:
  x-common: &common { partitions: 3 }
  a: *common
stages:
  - name: s
    x-owner: me
    from: a
    steps:
      - filter: value.x
        x-why: it has to be
      - dedupe: { by: value.x, x-more: [1] }
    retry: *retry
    sink: { drop: {}, x-later: stdout }
`)
    expect([...spec.topics.keys()]).toEqual(['a'])
    expect(spec.topics.get('a')?.partitions).toBe(3)
    expect(spec.stages[0]?.retry.max).toBe(7)
    expect(spec.stages[0]?.steps[1]?.config).toEqual({
      by: new Expression('value.x'),
      within: 600_000,
    })
  })

  it('may name variables that are not set', () => {
    expect(problemsOf(`x-note: \${UNSET_NAME}\n${stageWith('from: a', 'to: b')}`)).toEqual([])
  })

  it('are kept where any name may stand: fields, and the data of tests', () => {
    const { spec } = load(`${stepWith('set:', '  x-source: 1')}
tests:
  - name: t
    steps:
      - send: { a: [{ x-y: 1 }] }
`)
    expect(spec.stages[0]?.steps[0]?.config).toEqual({ 'x-source': new Expression('1') })
    const [send] = spec.tests[0]?.steps ?? []
    expect(send?.kind === 'send' && send.to.get('a')).toEqual([{ 'x-y': 1 }])
  })
})

describe('the text of a file', () => {
  it('may have a byte-order mark, and lines that end as on Windows', () => {
    const text = `\uFEFF${stageWith('from: a', 'too: b')}`.replaceAll('\n', '\r\n')
    expect(problemsOf(text)).toMatchObject([{ line: 5, column: 5, path: 'stages[0].too' }])
    expect(problemsOf(`\uFEFFpipelin: p`)[0]).toMatchObject({ line: 1, column: 1 })
  })

  it('is not changed by what it holds: nothing reaches the prototype of objects', () => {
    problemsOf(stepWith('set:', '  __proto__:', '    polluted: 1'))
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
  })

  it('may use sequences, numbers and words that YAML 1.1 would read otherwise', () => {
    const { spec } = load(stepWith('set:', '  a: yes', '  b: 0o17', '  no: 1', '  1.5: 2'))
    expect(spec.stages[0]?.steps[0]?.config).toEqual({
      a: new Expression('yes'),
      b: new Expression('15'),
      no: new Expression('1'),
      1.5: new Expression('2'),
    })
  })
})

describe('the example of the language page', () => {
  it('is read', () => {
    const text = readFileSync(new URL('./orders-example.yaml', import.meta.url), 'utf8')
    const { spec, warnings } = load(text)
    expect(spec.stages.map(({ name }) => name)).toEqual(['ingest', 'clean', 'totals', 'show'])
    expect(warnings).toEqual([])
  })
})
