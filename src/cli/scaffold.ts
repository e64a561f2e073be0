/** The files of `millrace init`, by name. `pipeline.schema.json` comes beside them. */
export const schemaFileName = 'pipeline.schema.json'
export const pipelineFileName = 'orders.yaml'

const pipeline = `# yaml-language-server: $schema=./${schemaFileName}
pipeline: orders
description: Clean orders and total them per country and hour.

stages:
  # Producer: from the outside world to a topic.
  - name: ingest
    source:
      file:
        path: ./orders.ndjson
    key: value.order_id
    to: orders.raw

  # Cleaning: from topic to topic. Orders that fail a step go to the topic orders.clean.dlq.
  - name: clean
    from: orders.raw
    steps:
      - trim: [country]
      - cast:
          amount: number
          ts: timestamp
      - set:
          country: upper(value.country)
      - require: value.amount > 0
    to: orders.clean

  # Analysis: one result per country and hour.
  - name: totals
    from: orders.clean
    event_time: value.ts
    steps:
      - aggregate:
          window:
            tumbling: 1h
          by: value.country
          fields:
            orders: count()
            revenue: sum(value.amount)
    to: orders.totals

  # Sink: from a topic to the outside world.
  - name: show
    from: orders.totals
    sink: stdout

tests:
  - name: a broken amount is dead-lettered
    steps:
      - send:
          ingest:
            - order_id: o1
              country: nl
              amount: n/a
              ts: "2026-01-01T00:00:00Z"
      - expect:
          orders.clean: []
          dlq:
            - stage: clean
              code: RECORD_CAST

  - name: orders are totalled per country
    steps:
      - send:
          ingest:
            - order_id: o1
              country: " nl"
              amount: "10.50"
              ts: "2026-01-01T00:10:00Z"
            - order_id: o2
              country: NL
              amount: 2
              ts: "2026-01-01T00:50:00Z"
      - expect:
          orders.totals:
            - country: NL
              orders: 2
              revenue: 12.5
`

const orders: readonly (readonly [id: string, country: string, amount: unknown, ts: string])[] = [
  ['o-1001', 'nl', 12.5, '2026-01-01T08:01:12Z'],
  ['o-1002', 'DE', 80, '2026-01-01T08:02:40Z'],
  ['o-1003', ' nl ', '7.25', '2026-01-01T08:15:03Z'],
  ['o-1004', 'fr', 45, '2026-01-01T08:31:55Z'],
  ['o-1005', 'NL', 'n/a', '2026-01-01T08:44:20Z'],
  ['o-1006', 'DE', 19.9, '2026-01-01T08:59:59Z'],
  ['o-1007', 'FR', -5, '2026-01-01T09:03:10Z'],
  ['o-1008', 'nl', 31, '2026-01-01T09:12:47Z'],
  ['o-1009', 'de', 64.4, '2026-01-01T09:27:31Z'],
  ['o-1010', 'fr', 22, '2026-01-01T09:48:05Z'],
]

const data = orders.map(
  ([order_id, country, amount, ts]) => `${JSON.stringify({ order_id, country, amount, ts })}\n`,
)

export const scaffoldFiles: Readonly<Record<string, string>> = {
  [pipelineFileName]: pipeline,
  'orders.ndjson': data.join(''),
}

/** What the runs of pipelines leave behind, for `.gitignore`. */
export const ignoredPaths: readonly string[] = ['.millrace/', 'out/']
