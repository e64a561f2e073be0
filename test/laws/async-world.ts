import { join } from 'node:path'
import { bindConfig } from '../../src/topology/bind-config.ts'
import { tableSettings } from '../../src/spec/table-schema.ts'
import { tableOpener } from '../../src/endpoints/tables/open-tables.ts'
import type { TableSettings } from '../../src/core/table.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../src/core/json.ts'
import type { AsyncRunOptions } from '../../src/simulation/run-async-operator.ts'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'
import { type Answers, fakeProcesses } from '../operators/calling/fake-process.ts'

/** What examples of asynchronous operators work with: the files and peers that their settings name. */
export function asyncWorld(): AsyncRunOptions {
  const { spawn } = fakeProcesses(runScript)
  return {
    folder,
    tables: {
      devices: tableOf({ file: 'devices.csv', key: 'device', cast: { floor: 'integer' } }),
      networks: tableOf({ file: 'networks.csv', range: 'block' }),
    },
    environment: {
      clock: new VirtualClock(),
      random: new SeededRandom(1),
      log: () => {},
      spawn,
      openTable: tableOpener(),
    },
  }
}

const folder = join(import.meta.dirname, 'async-world')

function tableOf(setting: unknown): TableSettings {
  const settings = tableSettings().parse(setting)
  bindConfig(settings, [], {
    folder,
    readText: () => '',
    report: (_path, thrown) => {
      throw thrown
    },
  })
  return settings
}

const runScript: Answers = ({ id, value }, process) => {
  const [, script] = process.options.argv
  const answer = scripts[script!]!
  queueMicrotask(() => process.answer({ id: id!, ...answer(value!, process.options.env) }))
}

type Script = (value: JsonValue, env: Readonly<Record<string, string>>) => JsonObject

/** As Python scripts of these names would answer. */
const scripts: Readonly<Record<string, Script>> = {
  'enrich.py': (order) => {
    if (!isJsonObject(order)) return { error: 'no order' }
    const { price, count } = order
    if (typeof price !== 'number' || typeof count !== 'number') return { value: null }
    return { value: { ...order, total: price * count } }
  },
  'split.py': (order, { CURRENCY }) => {
    const lines = isJsonObject(order) ? order['lines'] : null
    if (!Array.isArray(lines)) return { error: 'no order' }
    return { values: lines.map((line) => ({ ...(line as JsonObject), currency: CURRENCY! })) }
  },
}
