import { z } from 'zod'
import { duration, filePath, size } from '../../core/config-types.ts'
import { defineAsync } from '../../core/operator.ts'
import { murmur2 } from '../../core/partitioner.ts'
import type { StepRecord } from '../../core/step-record.ts'
import { ExecChild } from './exec-child.ts'

/** Records that a process is given before it has answered the first of them. */
const inFlight = 512
/** What a process gets to end in, once it is asked to. */
const graceMs = 1_000
const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/

export const exec = defineAsync({
  type: 'exec',
  kind: 'async',
  summary:
    'Hand each record to a process of any language, as lines of JSON on its stdin and stdout.',
  config: z.strictObject({
    argv: z
      .array(z.string().min(1))
      .min(1)
      .describe(
        'The program and its arguments; no shell reads them. It gets a line `{"id":1,"value":...}` for each record, with "key", "headers" and "traceparent" where it has them, and writes a line for each, in any order: `{"id":1,"value":...}`, `{"id":1,"values":[...]}` for none or several, or `{"id":1,"error":"why"}`, which fails the record; with "code":"PEER_UNAVAILABLE" or "PEER_REJECTED" it is asked again.',
      ),
    cwd: filePath()
      .prefault('.')
      .describe('The folder that it runs in, relative to the pipeline file.'),
    env: z
      .record(z.string().regex(variableName), z.string())
      .default({})
      .describe('Variables that it gets, beside PATH, HOME, LANG, TZ and the like.'),
    pass_env: z
      .array(z.string().regex(variableName))
      .default([])
      .describe('Names of variables of this process that it gets as well.'),
    deadline: duration()
      .prefault('30s')
      .describe('A process that has records and answers none of them for so long is killed.'),
    settle: duration()
      .prefault('1s')
      .describe(
        'So long a process has to live, after one that ended over records, before it gets the first of them again, one at a time: the record that it then ends on fails, after `retry.max` times.',
      ),
    max_line: size().prefault('8MiB').describe('A process that writes a longer line is killed.'),
  }),
  emitsMany: true,
  examples: [
    {
      title: 'A Python script beside the pipeline file',
      config: { argv: ['python3', 'enrich.py'] },
      input: [{ sku: 'a', price: 2, count: 3 }, { sku: 'b' }],
      output: [{ sku: 'a', price: 2, count: 3, total: 6 }],
    },
    {
      title: 'With a variable, another folder and less patience; records can be left out or split',
      config: {
        argv: ['python3', 'split.py'],
        cwd: '.',
        env: { CURRENCY: 'EUR' },
        deadline: '5s',
      },
      input: [{ lines: [{ sku: 'a' }, { sku: 'b' }] }, { lines: [] }],
      output: [
        { sku: 'a', currency: 'EUR' },
        { sku: 'b', currency: 'EUR' },
      ],
    },
  ],
  fieldsAfter: () => null,
  async create(setting, environment, { stage, step, concurrency }) {
    const { argv, cwd, env, pass_env: passEnv, deadline, settle, max_line: maxLineBytes } = setting
    const [program, ...args] = argv
    const facts = { stage, step }
    const children = Array.from(
      { length: concurrency ?? 1 },
      () =>
        new ExecChild({
          environment,
          facts,
          maxLineBytes,
          inFlight,
          deadlineMs: deadline,
          settleMs: settle,
          name: argv.slice(0, 2).join(' '),
          spawn: (onOutput) =>
            environment.spawn({
              argv: [program!, ...args],
              cwd: cwd.absolute,
              env,
              passEnv,
              onOutput,
              onErrorLine: (line) => environment.log('info', line, { ...facts, stream: 'stderr' }),
            }),
        }),
    )
    const close = async () => {
      await Promise.all(children.map((child) => child.close(graceMs)))
    }
    try {
      for (const child of children) await child.open()
    } catch (thrown) {
      await close()
      throw thrown
    }
    let turn = 0
    const childOf = ({ keyBytes }: StepRecord) => {
      if (children.length === 1) return children[0]!
      const place = keyBytes === null ? (turn += 1) : murmur2(keyBytes) >>> partitionBits
      return children[place % children.length]!
    }
    return {
      inFlight: inFlight * children.length,
      process: (record, { traceparent }) => childOf(record).ask(record, traceparent),
      close,
    }
  },
})

/** Partitions are chosen by the lowest bits: all keys of a task would have the same process. */
const partitionBits = 12
