import { defineStateful } from '../../core/operator.ts'
import { type AggregateConfig, aggregateConfig, outputNames } from './aggregate-config.ts'
import { AggregateProjection, isGroupedByKey } from './project-aggregate.ts'
import { RunningAggregate } from './running-aggregate.ts'
import { WindowedAggregate } from './windowed-aggregate.ts'

export const aggregate = defineStateful({
  type: 'aggregate',
  kind: 'stateful',
  touches: () => [],
  summary: 'Combine the records of a group into one result, per window of event time or in total.',
  config: aggregateConfig,
  examples: [
    {
      title: 'Orders and revenue per country and ten seconds',
      config: {
        window: { tumbling: '10s', grace: '5s' },
        by: 'value.country',
        fields: { orders: 'count()', revenue: 'sum(value.amount)', highest: 'max(value.amount)' },
      },
      input: [
        { country: 'NL', amount: 20, ts: '2026-01-01T00:00:01Z' },
        { country: 'BE', amount: 5.5, ts: '2026-01-01T00:00:04Z' },
        { country: 'NL', amount: 22.5, ts: '2026-01-01T00:00:12Z' },
        { country: 'NL', amount: 10, ts: '2026-01-01T00:00:09Z' },
      ],
      output: [
        {
          window_start: '2026-01-01T00:00:00.000Z',
          window_end: '2026-01-01T00:00:10.000Z',
          country: 'BE',
          orders: 1,
          revenue: 5.5,
          highest: 5.5,
        },
        {
          window_start: '2026-01-01T00:00:00.000Z',
          window_end: '2026-01-01T00:00:10.000Z',
          country: 'NL',
          orders: 2,
          revenue: 30,
          highest: 20,
        },
        {
          window_start: '2026-01-01T00:00:10.000Z',
          window_end: '2026-01-01T00:00:20.000Z',
          country: 'NL',
          orders: 1,
          revenue: 22.5,
          highest: 22.5,
        },
      ],
    },
    {
      title: 'Running totals, with a share calculated from two counts',
      config: {
        by: 'value.origin',
        every: '1s',
        fields: { flights: 'count()', late_share: 'count(value.delay > 15) / count()' },
      },
      input: [
        { origin: 'AMS', delay: 3 },
        { origin: 'AMS', delay: 40 },
        { origin: 'BRU', delay: null },
      ],
      output: [
        { origin: 'AMS', flights: 2, late_share: 0.5 },
        { origin: 'BRU', flights: 1, late_share: 0 },
      ],
    },
    {
      title: 'Several fields make the group; percentile and most frequent values per minute',
      config: {
        window: { tumbling: '1m' },
        by: ['value.site', 'value.request.method'],
        fields: { p50: 'percentile(value.ms, 50)', paths: 'top_k(value.path, 1)' },
      },
      input: [
        { site: 'shop', request: { method: 'GET' }, ms: 30, path: '/' },
        { site: 'shop', request: { method: 'GET' }, ms: 10, path: '/cart' },
        { site: 'shop', request: { method: 'GET' }, ms: 20, path: '/' },
      ],
      output: [
        {
          window_start: '2026-01-01T00:00:00.000Z',
          window_end: '2026-01-01T00:01:00.000Z',
          site: 'shop',
          method: 'GET',
          p50: 20,
          paths: [{ value: '/', count: 2 }],
        },
      ],
    },
    {
      title: 'A group by an expression is named in a map; without arguments that are null',
      config: {
        by: { country: 'upper(value.country)' },
        fields: { users: 'distinct(value.user)', mean: 'avg(value.amount)' },
      },
      input: [
        { country: 'nl', user: 'u1', amount: 4 },
        { country: 'NL', user: 'u2', amount: null },
        { country: 'NL', user: 'u1', amount: 8 },
      ],
      output: [{ country: 'NL', users: 2, mean: 6 }],
    },
  ],
  fieldsAfter: (_before, config) => new Set(outputNames(config)),
  project: (config) => new AggregateProjection(config),
  keepsKey: (config) => isGroupedByKey(config),
  create(config: AggregateConfig) {
    const { window } = config
    if (window === undefined) return new RunningAggregate(config)
    return new WindowedAggregate(config, window)
  },
})
