import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadTopologies } from '../../src/cli/load-topologies.ts'
import { aCliEnvironment } from './cli-environment.ts'
import { aFolder } from './temporary-folder.ts'

const writer = `pipeline: writer
topics:
  shared:
    partitions: 7
stages:
  - name: write
    from: input
    to: shared
`
const reader = `pipeline: reader
stages:
  - name: read
    from: shared
    sink: drop
`

function load(files: Record<string, string>, paths = ['.']) {
  const environment = aCliEnvironment({ cwd: aFolder(files) })
  return { ...loadTopologies(paths, environment), environment }
}

describe('loading pipelines', () => {
  it('takes the files of a folder by name, and none twice', () => {
    const { files } = load({ 'b.yml': reader, 'a.yaml': writer, 'c.txt': 'x', 'sub/d.yaml': 'x' }, [
      '.',
      'a.yaml',
      './b.yml',
    ])
    expect(files.map(({ shown }) => shown)).toEqual(['a.yaml', 'b.yml'])
  })

  it('gives a topic the settings of the file that declares it in all files', () => {
    const { files } = load({ 'a.yaml': writer, 'b.yaml': reader })
    const partitions = files.map(
      ({ topology }) => topology.topics.find(({ name }) => name === 'shared')?.partitions,
    )
    expect(partitions).toEqual([7, 7])
  })

  it('gives a topic that no file declares the settings that it is stored with', () => {
    const environment = aCliEnvironment({ cwd: aFolder({ 'b.yaml': reader }) })
    const shared = { partitions: 3, retentionMs: 5, cleanup: 'delete', replication: null } as const
    const stored = new Map([['shared', shared]])
    const [file] = loadTopologies(['b.yaml'], environment, { stored }).files
    expect(file?.topology.topics[0]).toMatchObject({
      name: 'shared',
      partitions: 3,
      retentionMs: 5,
    })
  })

  it('tells what is wrong with all files at once, in their order, and gives those that are right', () => {
    const { files, diagnostics } = load(
      { 'a.yaml': 'stages: []', 'b.yaml': reader, 'c.yaml': 'pipeline: [' },
      ['.', 'gone.yaml'],
    )
    expect(files.map(({ shown }) => shown)).toEqual(['b.yaml'])
    const wrong = diagnostics.filter(({ severity }) => severity === 'error').map(({ file }) => file)
    expect([...new Set(wrong)]).toEqual(['gone.yaml', 'a.yaml', 'c.yaml'])
  })

  it('places an error of an expression at its character', () => {
    const text = reader.replace(
      '    sink: drop',
      '    steps:\n      - filter: value.a ++ 1\n    sink: drop',
    )
    const { diagnostics } = load({ 'b.yaml': text })
    expect(diagnostics.find(({ code }) => code === 'CONFIG_EXPRESSION')).toMatchObject({
      file: 'b.yaml',
      line: 6,
      path: 'stages[0].steps[0].filter',
    })
  })

  it('names a file that a step needs and that is not there', () => {
    const text = reader.replace(
      '    sink',
      '    steps:\n      - validate:\n          schema: ./gone.json\n    sink',
    )
    const { diagnostics } = load({ 'b.yaml': text })
    const problem = diagnostics.find(({ code }) => code === 'CONFIG_FILE')
    expect(problem?.message).toContain('gone.json')
    expect(problem).toMatchObject({ line: 7, path: 'stages[0].steps[0].validate.schema' })
  })

  it('lets no two pipelines have one name, and no two declare one topic', () => {
    const { diagnostics } = load({
      'a.yaml': writer,
      'b.yaml': writer,
      'c.yaml': writer.replace('writer', 'other'),
    })
    expect(
      diagnostics.filter(({ severity }) => severity === 'error').map(({ message }) => message),
    ).toEqual([
      'the pipeline "writer" is declared by a.yaml already',
      'the topic "shared" is declared by a.yaml already',
      'the topic "shared" is declared by a.yaml already',
    ])
  })

  it('lets no pipeline use what another keeps for itself', () => {
    const stateful = writer.replace(
      'to: shared',
      'steps: [{ split: value.items }, { aggregate: { by: value.c, fields: { n: count() } } }]\n    to: shared',
    )
    const { diagnostics } = load({
      'a.yaml': stateful,
      'b.yaml': reader.replace('from: shared', 'from: writer.write.repartition'),
    })
    expect(diagnostics.filter(({ severity }) => severity === 'error')).toMatchObject([
      {
        file: 'b.yaml',
        line: 4,
        path: 'stages[0].from',
        message:
          '"writer.write.repartition" is an internal topic of a.yaml; give this one another name',
      },
    ])
  })

  it('shows files outside of the working directory with their whole path', () => {
    const folder = aFolder({ 'a.yaml': writer })
    const { files } = loadTopologies([folder], aCliEnvironment({ cwd: aFolder() }))
    expect(files.map(({ shown }) => shown)).toEqual([join(folder, 'a.yaml')])
  })

  it('hides secrets that it has read in what it finds', () => {
    const environment = aCliEnvironment({
      cwd: aFolder({ 'b.yaml': reader.replace('read\n', '${secret:NAME}\n'), NAME: 'x' }),
      env: { NAME: 'NOT A NAME' },
    })
    const { diagnostics } = loadTopologies(['b.yaml'], environment)
    expect(JSON.stringify(diagnostics)).not.toContain('NOT A NAME')
    expect(environment.mask.text('is NOT A NAME')).toBe('is ***')
  })
})
