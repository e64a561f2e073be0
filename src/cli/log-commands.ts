import { Option, type Command } from 'commander'
import {
  collect,
  dataDirOption,
  examples,
  jsonHelp,
  limitOption,
  logOption,
  pathsHelp,
  positiveInteger,
  tapStart,
  wholeNumber,
  type Choose,
} from './command-options.ts'
import { letterId, since } from './replay-options.ts'

/** Commands that look into a log, or change its topics. */
export function addTopics(program: Command, choose: Choose): void {
  const topics = program
    .command('topics')
    .helpCommand(false)
    .summary('compare and change the topics of pipelines')
    .description(
      'Compares the topics that pipelines want with those on the log, and makes them so.',
    )
  topics
    .command('plan')
    .summary('show what apply would do')
    .description(
      'Shows which topics would be created and changed (partitions, retention, cleanup), and what cannot be ' +
        'done; it changes nothing. Exit code 2 when something cannot be done.',
    )
    .argument('<path...>', pathsHelp)
    .option(...dataDirOption)
    .option(...logOption)
    .option('--json', jsonHelp)
    .addHelpText(
      'after',
      examples(
        'millrace topics plan pipelines/orders.yaml',
        'millrace topics plan pipelines --log kafka://localhost:9092 --json',
      ),
    )
    .action((paths: string[], options) => {
      choose(async (environment) =>
        (await import('./topics.ts')).topicsPlan(paths, options, environment),
      )
    })
  topics
    .command('apply')
    .summary('create and change topics')
    .description(
      'Shows the plan, asks, and carries it out: all of it, or nothing where a part cannot be done.',
    )
    .argument('<path...>', pathsHelp)
    .option(...dataDirOption)
    .option(...logOption)
    .option('--yes', 'do not ask')
    .option('--json', 'print the plan as JSON on stdout')
    .addHelpText(
      'after',
      examples(
        'millrace topics apply pipelines/orders.yaml',
        'millrace topics apply pipelines --log kafka://localhost:9092 --yes',
      ),
    )
    .action((paths: string[], options) => {
      choose(async (environment) =>
        (await import('./topics.ts')).topicsApply(paths, options, environment),
      )
    })
}

export function addDlq(program: Command, choose: Choose): void {
  const dlq = program
    .command('dlq')
    .helpCommand(false)
    .summary('look at records that failed, and replay them')
    .description('Looks at dead-letter topics and replays them, also while a run is on.')
  dlq
    .command('ls')
    .summary('list the dead-letter topics')
    .description('Lists the dead-letter topics with the number of their records, by error code.')
    .option(...dataDirOption)
    .option(...logOption)
    .option('--json', jsonHelp)
    .addHelpText(
      'after',
      examples('millrace dlq ls', 'millrace dlq ls --data-dir /var/lib/millrace --json'),
    )
    .action((options) => {
      choose(async (environment) => (await import('./dlq-ls.ts')).dlqLs(options, environment))
    })
  dlq
    .command('show')
    .summary('show records that failed')
    .description(
      'Shows the newest dead letters of a topic or stage: why, where from, and the original record.',
    )
    .argument('<name>', 'a dead-letter topic, or the stage that it belongs to')
    .option(...dataDirOption)
    .option(...logOption)
    .addOption(limitOption(20))
    .option('--code <code>', 'only records with this error code')
    .option(
      '--json',
      'print one JSON object per record on stdout; bytes that are no text as base64',
    )
    .addHelpText(
      'after',
      examples(
        'millrace dlq show clean',
        'millrace dlq show orders.clean.dlq --code RECORD_CAST --limit 5',
      ),
    )
    .action((name: string, options) => {
      choose(async (environment) =>
        (await import('./dlq-show.ts')).dlqShow(name, options, environment),
      )
    })
  addDlqReplay(dlq, choose)
}

function addDlqReplay(dlq: Command, choose: Choose): void {
  dlq
    .command('replay')
    .summary('write records that failed back to their stages')
    .description(
      'Writes dead letters back to the stages in which they failed, as they were, and keeps note of it: a ' +
        'second replay leaves out what was written back before. Records that fail again get new dead ' +
        'letters. A running pipeline takes them in at once, any other when it runs next.',
    )
    .argument('<path...>', pathsHelp)
    .option(...dataDirOption)
    .option(...logOption)
    .option('--stage <name>', 'only those of this stage; more than once for several', collect)
    .option('--code <code>', 'only those with this error code; more than once for several', collect)
    .addOption(
      new Option(
        '--since <time>',
        'only those that failed since then: 30m, 2h, 7d, or 2026-01-31T14:05:00Z',
      ).argParser(since),
    )
    .addOption(
      new Option(
        '--id <place>',
        'only this one: PARTITION/OFFSET as `dlq show` prints it; more than once for several',
      ).argParser(letterId),
    )
    .option('--all', 'all of them')
    .addOption(limitOption(null))
    .addOption(
      new Option('--rate <count>', 'at most so many records per second').argParser(positiveInteger),
    )
    .addOption(
      new Option('--max-attempts <count>', 'leave out what was replayed so often and failed again')
        .argParser(positiveInteger)
        .default(3),
    )
    .option('--again', 'also those that were replayed before, or so often that they are parked')
    .option('--dry-run', 'only show what would be done')
    .option('--json', jsonHelp)
    .addHelpText(
      'after',
      examples(
        'millrace dlq replay pipelines/orders.yaml --dry-run',
        'millrace dlq replay pipelines/orders.yaml --stage clean --code RECORD_CAST',
        'millrace dlq replay pipelines/orders.yaml --all --since 2h --rate 100',
      ),
    )
    .action((paths: string[], options) => {
      choose(async (environment) =>
        (await import('./dlq-replay.ts')).dlqReplay(paths, options, environment),
      )
    })
}

export function addTap(program: Command, choose: Choose): void {
  program
    .command('tap')
    .summary('show records of a topic')
    .description(
      'Shows records of a topic, also while a run is on: the last 10, unless options say otherwise.',
    )
    .argument('<topic>', 'the name of a topic')
    .option(...dataDirOption)
    .option(...logOption)
    .addOption(new Option('--partition <number>', 'only this partition').argParser(wholeNumber))
    .addOption(
      new Option(
        '--from <place>',
        'earliest, latest (waits for new records), or an offset',
      ).argParser(tapStart),
    )
    .addOption(limitOption(null))
    .option('--where <expression>', 'only records for which it is true: "value.amount > 100"')
    .option('--key <key>', 'only records with this key')
    .addOption(
      new Option(
        '--since <time>',
        'only records that came in since then: 30m, 2h, 7d, or 2026-01-31T14:05:00Z',
      ).argParser(since),
    )
    .option('--follow', 'keep waiting for new records')
    .option(
      '--json',
      'print one JSON object per record on stdout; bytes that are no text as base64',
    )
    .option('--internal', 'show the markers between the records of internal topics too')
    .addHelpText(
      'after',
      examples(
        'millrace tap orders.clean',
        'millrace tap orders.clean --from earliest --limit 100 --json',
        'millrace tap orders.totals --follow',
        'millrace tap orders.clean --where "value.amount > 100" --since 1h',
      ),
    )
    .action((topic: string, options) => {
      choose(async (environment) => (await import('./tap.ts')).tap(topic, options, environment))
    })
}
