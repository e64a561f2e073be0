import { Option, type Command } from 'commander'
import {
  dataDirOption,
  examples,
  logOption,
  moment,
  pathsHelp,
  period,
  positiveInteger,
  type Choose,
} from './command-options.ts'

/** Commands that say where the time went: of all records, and of one. */
export function addReport(program: Command, choose: Choose): void {
  program
    .command('report')
    .summary('show where the time went')
    .description(
      'Shows what was measured of pipelines: their latest run, also while it is on, or any time of the last ' +
        '7 days. Per stage, and per event of its hooks: n, processing time t, waiting time s, T = n*t, ' +
        'D = s*n, beside it what a queueing model predicts, and what holds the pipeline up. All workers and ' +
        'restarts together.',
    )
    .argument('[path...]', `${pathsHelp}; all pipelines of the log when left out`)
    .option(...dataDirOption)
    .option(...logOption)
    .addOption(
      new Option('--since <period>', 'of the time from so long ago on, such as 10m').argParser(
        period,
      ),
    )
    .addOption(
      new Option(
        '--from <time>',
        'of the time from then on, such as 2026-01-31T14:00:00Z',
      ).argParser(moment),
    )
    .addOption(new Option('--to <time>', 'of the time up to then').argParser(moment))
    .option('--watch', 'show it again whenever there is something new')
    .option('--json', 'print the report as JSON on stdout, with --watch one line each time')
    .addHelpText(
      'after',
      examples(
        'millrace report',
        'millrace report pipelines/orders.yaml --since 10m',
        'millrace report --from 2026-01-31T14:00:00Z --to 2026-01-31T15:00:00Z --json',
        'millrace report --watch --log kafka://localhost:9092',
      ),
    )
    .action((paths: string[], options) => {
      choose(async (environment) =>
        (await import('./report.ts')).report(paths, options, environment),
      )
    })
}

export function addTrace(program: Command, choose: Choose): void {
  program
    .command('trace')
    .summary("show one record's way through its pipeline")
    .description(
      'Shows the way of one record through all topics of its pipeline, from the log alone: where it lay, how ' +
        'long it waited and was worked on at each stage, what failed and where it ended.',
    )
    .argument('<what>', 'a key, a trace id, or TOPIC/PARTITION/OFFSET')
    .argument('[file]', 'the pipeline file; without it the pipelines are those that ran on the log')
    .option(...dataDirOption)
    .option(...logOption)
    .addOption(
      new Option('--scan <records>', 'look at so many records at most')
        .argParser(positiveInteger)
        .default(2_000_000),
    )
    .option('--values', 'show the value of the record at each place too')
    .option('--json', 'print the way as JSON on stdout')
    .addHelpText(
      'after',
      examples(
        'millrace trace orders.raw/2/1704',
        'millrace trace o-0001704 pipelines/orders.yaml',
        'millrace trace 4bf92f3577b34da6a3ce929d0e0e4736 --json',
      ),
    )
    .action((what: string, file: string | undefined, options) => {
      choose(async (environment) =>
        (await import('./trace.ts')).trace(what, { ...options, file }, environment),
      )
    })
}
