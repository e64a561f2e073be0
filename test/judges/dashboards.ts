import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface DashboardQuery {
  readonly dashboard: string
  readonly panel: string
  readonly expr: string
  readonly exemplar: boolean
}

interface PanelJson {
  readonly title: string
  readonly targets?: readonly { readonly expr: string; readonly exemplar: boolean }[]
  readonly panels?: readonly PanelJson[]
}

const folder = join(process.cwd(), 'deploy/grafana/dashboards')
const variables: Readonly<Record<string, string>> = {
  $pipeline: '.*',
  $stage: '.*',
  $__rate_interval: '8s',
}

/** All queries of all panels, with values for Grafana's variables. */
export function dashboardQueries(): DashboardQuery[] {
  return readdirSync(folder).flatMap((file) => {
    const { panels } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as {
      panels: readonly PanelJson[]
    }
    return panels.flatMap((panel) => queriesOf(file, panel))
  })
}

function queriesOf(
  dashboard: string,
  { title, targets = [], panels = [] }: PanelJson,
): DashboardQuery[] {
  return [
    ...targets.map(({ expr, exemplar }) => ({
      dashboard,
      panel: title,
      expr: filledIn(expr),
      exemplar,
    })),
    ...panels.flatMap((panel) => queriesOf(dashboard, panel)),
  ]
}

function filledIn(expr: string): string {
  const filled = Object.entries(variables).reduce(
    (text, [name, value]) => text.replaceAll(name, value),
    expr,
  )
  if (filled.includes('$')) throw new Error(`a variable has no value: ${filled}`)
  return filled
}
