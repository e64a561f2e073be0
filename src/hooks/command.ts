import { z } from 'zod'
import { cloudEventOf } from '../core/cloud-event.ts'
import { filePath, size } from '../core/config-types.ts'
import { PipelineError } from '../core/errors.ts'
import { defineListener, type HookEvent } from '../core/hook.ts'
import { encodeJson } from '../core/json.ts'
import type { ProcessResult } from '../core/process-runner.ts'

/** Of sysexits.h: try again later. */
const tryLater = 75
/** Of what a program wrote, in a message. */
const maxToldOutput = 500

export const commandListener = defineListener({
  type: 'command',
  summary: 'Run a program, with the event as a CloudEvent in JSON on its standard input.',
  config: z.strictObject({
    argv: z
      .array(z.string())
      .min(1)
      .refine(([program]) => program !== '', 'the first of them is the program')
      .describe(
        'The program and its arguments, as they are: no shell reads them. Facts of the event come by standard input only.',
      )
      .transform(([program = '', ...rest]) => [program, ...rest] as const),
    folder: filePath()
      .optional()
      .describe('Where it runs; by default the working folder of Millrace.'),
    max_output: size()
      .prefault('16KiB')
      .describe(
        'What is kept of its standard output and of its error output, for the log; the rest is dropped.',
      ),
  }),
  examples: [
    { title: 'A script of your own', config: { argv: ['./page-on-call.sh', '--team', 'data'] } },
    { title: 'A program in a folder', config: { argv: ['python3', 'alert.py'], folder: './ops' } },
  ],
  create({ argv, folder = null, max_output: maxOutputBytes }, { processes, log }) {
    return {
      async notify(event, signal) {
        if (processes === undefined)
          throw new PipelineError('CONFIG_USAGE', 'no program is started here')
        const result = await processes.run({
          argv,
          folder: folder === null ? null : folder.absolute,
          stdin: `${encodeJson(cloudEventOf(event))}\n`,
          maxOutputBytes,
          signal,
        })
        if (result.exitCode !== 0) throw failureOf(argv[0], result)
        log('debug', `the command ${argv[0]} has run`, factsOf(event, result))
      },
    }
  },
})

function factsOf({ event, pipeline, stage, id }: HookEvent, result: ProcessResult) {
  const { stdout, stderr, isCut } = result
  return { event, pipeline, stage, event_id: id, stdout, stderr, output_cut: isCut }
}

/** With the end of what it wrote, where programs say what went wrong. */
function failureOf(program: string, { exitCode, stderr, stdout }: ProcessResult): PipelineError {
  const said = (stderr.trim() === '' ? stdout : stderr).trim().slice(-maxToldOutput)
  const how = exitCode === null ? 'was ended by a signal' : `ended with the exit code ${exitCode}`
  const message = `the command ${program} ${how}${said === '' ? '' : `: ${said}`}`
  return new PipelineError(exitCode === tryLater ? 'PEER_UNAVAILABLE' : 'PEER_REJECTED', message)
}
