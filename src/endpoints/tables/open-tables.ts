import type { OpenTable, Table, TableEnvironment, TableSettings } from '../../core/table.ts'
import { FileTable } from './file-table.ts'
import { HttpTable } from './http-table.ts'
import { TopicTable } from './topic-table.ts'

interface Shared {
  readonly table: Promise<Table>
  users: number
}

/** Opens the tables of a run: one for all tasks that look up in it, closed with the last of them. */
export function tableOpener(): OpenTable {
  const shared = new Map<TableSettings, Shared>()
  const release = async (settings: TableSettings, of: Shared) => {
    of.users -= 1
    if (of.users > 0) return
    if (shared.get(settings) === of) shared.delete(settings)
    const table = await of.table
    await table.close()
  }
  return async (name, settings, environment) => {
    const of = shared.get(settings) ?? { table: open(name, settings, environment), users: 0 }
    shared.set(settings, of)
    of.users += 1
    let table: Table
    try {
      table = await of.table
    } catch (thrown) {
      shared.delete(settings)
      throw thrown
    }
    return {
      find: (key, signal) => table.find(key, signal),
      close: () => release(settings, of),
    }
  }
}

async function open(
  name: string,
  settings: TableSettings,
  environment: TableEnvironment,
): Promise<Table> {
  switch (settings.kind) {
    case 'file':
      return FileTable.open(name, settings, environment)
    case 'http':
      return new HttpTable(name, settings, environment)
    case 'topic':
      return new TopicTable(name, settings, environment)
  }
}
