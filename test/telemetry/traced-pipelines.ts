import type { Header } from '../../src/core/record-batch.ts'

export const chain = (more = '') => `
pipeline: p
${more}
stages:
  - { name: ingest, source: { feed: 1 }, key: value.k, to: one }
  - name: clean
    from: one
    steps:
      - require: value.bad == null
      - filter: value.gone == null
    to: two
  - { name: show, from: two, sink: { drain: 1 } }
`
export const allTraced = chain('tracing: { rate: all }')

export const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
export const spanId = '00f067aa0ba902b7'
export const parent = (flags: string): Header => [
  'traceparent',
  Buffer.from(`00-${traceId}-${spanId}-${flags}`),
]

export const outside = (more = '') => `
pipeline: p
${more}
stages:
  - name: clean
    from: raw
    steps:
      - require: value.bad == null
    to: clean
  - { name: next, from: clean, to: last }
`
