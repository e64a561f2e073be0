import type { Dashboard, Panel } from './panel.ts'
import { named } from './panel.ts'

const datasource = { type: 'prometheus', uid: '${DS_PROMETHEUS}' }
const rowHeight = 8
const statHeight = 4
const columns = 24

/** A dashboard as Grafana reads it. */
export function dashboardJson(dashboard: Dashboard): string {
  const { uid, title, description, hasStage } = dashboard
  const json = {
    uid,
    title,
    description,
    tags: ['millrace'],
    editable: true,
    graphTooltip: 1,
    refresh: '15s',
    schemaVersion: 39,
    time: { from: 'now-30m', to: 'now' },
    timezone: 'browser',
    links: [
      {
        type: 'dashboards',
        title: 'Millrace',
        tags: ['millrace'],
        asDropdown: false,
        keepTime: true,
        includeVars: true,
      },
    ],
    annotations: { list: [] },
    templating: { list: variables(hasStage) },
    panels: placedPanels(dashboard),
  }
  return `${JSON.stringify(json, null, 2)}\n`
}

function variables(hasStage: boolean): unknown[] {
  const up = named('millrace.pipeline.up')
  const stages = named('millrace.stage.concurrency')
  return [
    { name: 'DS_PROMETHEUS', label: 'Data source', type: 'datasource', query: 'prometheus' },
    choice('pipeline', `label_values(${up}, millrace_name)`),
    ...(hasStage
      ? [
          choice(
            'stage',
            `label_values(${stages}{millrace_name=~"$pipeline"}, millrace_stage_name)`,
          ),
        ]
      : []),
  ]
}

function choice(name: string, query: string) {
  return {
    name,
    label: name,
    type: 'query',
    datasource,
    query: { query, refId: name },
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    allValue: '.*',
    current: { text: ['All'], value: ['$__all'] },
  }
}

function placedPanels({ rows }: Dashboard): unknown[] {
  const placed: unknown[] = []
  let y = 0
  for (const { title, panels } of rows) {
    placed.push({
      id: placed.length + 1,
      type: 'row',
      title,
      collapsed: false,
      gridPos: { x: 0, y, w: columns, h: 1 },
      panels: [],
    })
    y += 1
    let x = 0
    let height = 0
    for (const panel of panels) {
      if (x + panel.width > columns) {
        x = 0
        y += height
        height = 0
      }
      const h = panel.type === 'stat' ? statHeight : rowHeight
      placed.push(panelJson(panel, { id: placed.length + 1, gridPos: { x, y, w: panel.width, h } }))
      x += panel.width
      height = Math.max(height, h)
    }
    y += height
  }
  return placed
}

function panelJson(panel: Panel, place: { id: number; gridPos: unknown }): unknown {
  const { title, description, type, unit, queries, isSigned = false } = panel
  return {
    ...place,
    type,
    title,
    description,
    datasource,
    fieldConfig: {
      defaults: { unit, ...(isSigned ? {} : { min: 0 }), custom: drawing(panel) },
      overrides: [],
    },
    options: options(panel),
    targets: queries.map(({ expr, legend, exemplars = false }, index) => ({
      refId: String.fromCodePoint('A'.codePointAt(0)! + index),
      datasource,
      expr,
      legendFormat: legend,
      exemplar: exemplars,
      instant: type !== 'timeseries' && type !== 'heatmap',
      range: type === 'timeseries' || type === 'heatmap',
      format: type === 'heatmap' ? 'heatmap' : type === 'table' ? 'table' : 'time_series',
    })),
  }
}

function drawing({ type, isStacked = false }: Panel): unknown {
  if (type !== 'timeseries') return {}
  return {
    lineWidth: 1,
    fillOpacity: isStacked ? 60 : 10,
    showPoints: 'never',
    stacking: { mode: isStacked ? 'normal' : 'none', group: 'A' },
  }
}

function options({ type, unit }: Panel): unknown {
  const reduceOptions = { calcs: ['lastNotNull'], fields: '', values: false }
  if (type === 'stat')
    return { reduceOptions, colorMode: 'value', graphMode: 'none', textMode: 'auto' }
  if (type === 'bargauge')
    return { reduceOptions, orientation: 'horizontal', displayMode: 'gradient' }
  if (type === 'heatmap')
    return {
      calculate: false,
      yAxis: { unit },
      color: { mode: 'scheme', scheme: 'Oranges' },
      cellGap: 1,
    }
  if (type === 'table') return { showHeader: true }
  return {
    legend: { displayMode: 'table', placement: 'bottom', calcs: ['mean', 'max'], showLegend: true },
    tooltip: { mode: 'multi', sort: 'desc' },
  }
}
