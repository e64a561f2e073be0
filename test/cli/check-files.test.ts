import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadTopologies } from '../../src/cli/load-topologies.ts'
import { aCliEnvironment } from './cli-environment.ts'
import { aFolder } from './temporary-folder.ts'

function pipeline(name: string, sinkPath: string, sourcePath = './in.ndjson'): string {
  return `pipeline: ${name}
stages:
  - name: read
    source: { file: { path: ${sourcePath} } }
    to: ${name}.records
  - name: write
    from: ${name}.records
    sink: { file: { path: ${sinkPath} } }
`
}

function messagesOf(
  files: Readonly<Record<string, string>>,
  prepare: (folder: string) => void = () => {},
): string[] {
  const folder = aFolder(files)
  prepare(folder)
  const names = Object.keys(files).filter((name) => name.endsWith('.yaml'))
  return loadTopologies(names, aCliEnvironment({ cwd: folder })).diagnostics.map(
    ({ file, line, message }) => `${file}:${line}: ${message}`,
  )
}

describe('files of sinks', () => {
  it('are written by one sink alone, over all pipelines of a run', () => {
    const twice =
      pipeline('one', './out.ndjson') +
      '  - name: again\n    from: one.records\n    sink: { file: ./out.ndjson }\n'
    expect(messagesOf({ 'a.yaml': twice })).toEqual([
      'a.yaml:11: the stage "write" of the pipeline "one" writes this file too; give the sink a file of its own',
    ])
    expect(
      messagesOf({
        'a.yaml': pipeline('one', './out.ndjson'),
        'b.yaml': pipeline('two', './out.ndjson'),
      }),
    ).toEqual([
      expect.stringContaining(
        'b.yaml:8: the stage "write" of the pipeline "one" writes this file too',
      ),
    ])
  })

  it('are not read by a source, by name, glob or link', () => {
    const reads = 'a.yaml:8: the stage "read" reads this file; give the sink a file of its own'
    expect(messagesOf({ 'a.yaml': pipeline('one', './in.ndjson') })).toEqual([reads])
    expect(messagesOf({ 'a.yaml': pipeline('one', './x.ndjson', './*.ndjson') })).toEqual([reads])
    const link = (folder: string) =>
      symlinkSync(join(folder, 'in.ndjson'), join(folder, 'out.ndjson'))
    expect(
      messagesOf({ 'a.yaml': pipeline('one', './out.ndjson'), 'in.ndjson': '1\n' }, link),
    ).toEqual([reads])
  })

  it('may lie beside each other and beside the input', () => {
    expect(
      messagesOf({
        'a.yaml': pipeline('one', './one.out'),
        'b.yaml': pipeline('two', './two.out'),
      }),
    ).toEqual([])
  })
})
