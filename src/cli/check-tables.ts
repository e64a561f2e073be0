import { checkFileTable } from '../endpoints/tables/file-table.ts'
import type { CheckedPipeline, FileProblem } from './check-files.ts'

/** Reads the files of all tables, as a run would. */
export function checkTables<Checked extends CheckedPipeline>(
  files: readonly Checked[],
): FileProblem<Checked>[] {
  return files.flatMap((file) =>
    [...file.spec.tables].flatMap(([name, settings]) => {
      if (settings.kind !== 'file') return []
      try {
        checkFileTable(settings)
        return []
      } catch (thrown) {
        const path = ['tables', name, 'file']
        return [{ file, problem: { severity: 'error' as const, path, thrown } }]
      }
    }),
  )
}
