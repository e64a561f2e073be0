import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { exitCodes, type CliEnvironment, type ExitCode } from './cli-environment.ts'
import { packageVersion } from './package-files.ts'

/** What a verb does once its arguments are read. Its module is loaded only then. */
type Verb = (environment: CliEnvironment) => Promise<ExitCode>

const dataDirOption = [
  '--data-dir <dir>',
  'where topics, positions and state are kept',
  './.millrace',
] as const
const jsonHelp = 'print the result as JSON on stdout'
const pathsHelp = 'pipeline files, or folders with *.yaml files'

/**
 * Reads the command line and runs the command that it names.
 * @param args without the names of the program.
 */
export async function runProgram(
  args: readonly string[],
  environment: CliEnvironment,
): Promise<ExitCode> {
  let verb: Verb | null = null
  const program = makeProgram(environment, (chosen) => (verb = chosen))
  try {
    program.parse([...args], { from: 'user' })
  } catch (thrown) {
    if (thrown instanceof CommanderError)
      return thrown.exitCode === 0 ? exitCodes.ok : exitCodes.config
    throw thrown
  }
  return verb === null ? exitCodes.config : (verb as Verb)(environment)
}

function makeProgram(environment: CliEnvironment, choose: (verb: Verb) => void): Command {
  const program = new Command('millrace')
  const { stdout, stderr, mask, screen } = environment
  // Commands take these settings over from their parent when they are made.
  program
    .exitOverride()
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(mask.text(text)),
      getErrHelpWidth: () => screen.size().columns,
      getOutHelpWidth: () => screen.size().columns,
    })
    .showHelpAfterError('See `millrace --help`, or `millrace COMMAND --help`.')
    .configureHelp({ showGlobalOptions: false })
    .description('Data-processing pipelines from a YAML file, over durable topics.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand(false)
  addRun(program, choose)
  addPipelineCommands(program, choose)
  addDlq(program, choose)
  addTap(program, choose)
  addSetUpCommands(program, choose)
  program.addHelpText(
    'after',
    examples(
      'millrace init my-pipeline',
      'millrace run pipelines/orders.yaml',
      'millrace validate pipelines',
    ),
  )
  return program
}

function addRun(program: Command, choose: (verb: Verb) => void): void {
  program
    .command('run')
    .summary('run pipelines until their input ends')
    .description(
      'Runs pipelines, all together in this process. It ends when all input has been worked off; stopped ' +
        'or killed, it goes on where it was when it is started again.',
    )
    .argument('<path...>', pathsHelp)
    .option(...dataDirOption)
    .option(
      '--fresh',
      'first forget the topics, positions, state and files that the pipelines wrote',
    )
    .option('--follow', 'keep waiting for more input at the end')
    .option('--json', 'print the report of the run as JSON on stdout')
    .option('--quiet', 'no progress and no summary, only warnings and errors')
    .option('--log <log>', 'where topics live: embedded (env: MILLRACE_LOG; default: embedded)')
    .addOption(
      new Option('--workers <count>', 'processes that share the work')
        .argParser(positiveInteger)
        .hideHelp(),
    )
    .addOption(
      new Option(
        '--threads <count>',
        'threads beside the main one for stages without state (default: by the cores, at most 2; 0: none)',
      ).argParser(wholeNumber),
    )
    .addOption(levelOption())
    .addOption(
      new Option('--log-format <format>', 'form of log lines on stderr')
        .choices(['text', 'json'])
        .default('text'),
    )
    .addHelpText(
      'after',
      examples(
        'millrace run pipelines/orders.yaml',
        'millrace run pipelines --data-dir /var/lib/millrace --follow',
        'millrace run pipelines/flights.yaml --fresh --json > report.json',
      ),
    )
    .action((paths: string[], options) => {
      choose(async (environment) => (await import('./run.ts')).run(paths, options, environment))
    })
}

function addPipelineCommands(program: Command, choose: (verb: Verb) => void): void {
  program
    .command('validate')
    .summary('check pipeline files without running them')
    .description('Checks pipeline files and names everything that is wrong, with its place.')
    .argument('<path...>', pathsHelp)
    .option('--json', jsonHelp)
    .addHelpText(
      'after',
      examples('millrace validate pipelines/orders.yaml', 'millrace validate pipelines --json'),
    )
    .action((paths: string[], options) => {
      choose(async (environment) =>
        (await import('./validate.ts')).validate(paths, options, environment),
      )
    })
  program
    .command('test')
    .summary('run the tests that stand in pipeline files')
    .description(
      'Runs the `tests:` of pipeline files: real steps, no files, no network, no waiting.',
    )
    .argument('<path...>', pathsHelp)
    .option('--json', jsonHelp)
    .addHelpText(
      'after',
      examples('millrace test pipelines/orders.yaml', 'millrace test pipelines'),
    )
    .action((paths: string[], options) => {
      choose(async (environment) => (await import('./test.ts')).test(paths, options, environment))
    })
  program
    .command('graph')
    .summary('show the stages and topics of a pipeline')
    .description(
      'Shows what a pipeline file becomes: its stages with their steps, and the topics between them.',
    )
    .argument('<file>', 'a pipeline file')
    .addOption(
      new Option('--format <format>', 'how to draw it')
        .choices(['text', 'mermaid'])
        .default('text'),
    )
    .addHelpText(
      'after',
      examples(
        'millrace graph pipelines/orders.yaml',
        'millrace graph pipelines/orders.yaml --format mermaid > orders.mmd',
      ),
    )
    .action((file: string, options) => {
      choose(async (environment) => (await import('./graph.ts')).graph(file, options, environment))
    })
}

function addDlq(program: Command, choose: (verb: Verb) => void): void {
  const dlq = program
    .command('dlq')
    .helpCommand(false)
    .summary('look at records that failed')
    .description('Looks at dead-letter topics, also while a run is on.')
  dlq
    .command('ls')
    .summary('list the dead-letter topics')
    .description('Lists the dead-letter topics with the number of their records, by error code.')
    .option(...dataDirOption)
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
}

function addTap(program: Command, choose: (verb: Verb) => void): void {
  program
    .command('tap')
    .summary('show records of a topic')
    .description(
      'Shows records of a topic, also while a run is on: the last 10, unless options say otherwise.',
    )
    .argument('<topic>', 'the name of a topic')
    .option(...dataDirOption)
    .addOption(new Option('--partition <number>', 'only this partition').argParser(wholeNumber))
    .addOption(
      new Option(
        '--from <place>',
        'earliest, latest (waits for new records), or an offset',
      ).argParser(tapStart),
    )
    .addOption(limitOption(null))
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
      ),
    )
    .action((topic: string, options) => {
      choose(async (environment) => (await import('./tap.ts')).tap(topic, options, environment))
    })
}

function addSetUpCommands(program: Command, choose: (verb: Verb) => void): void {
  program
    .command('init')
    .summary('make a first pipeline')
    .description('Writes a pipeline that runs, with its data and tests, into a folder.')
    .argument('[dir]', 'the folder', '.')
    .option('--force', 'overwrite files that are there')
    .addHelpText('after', examples('millrace init', 'millrace init my-pipeline'))
    .action((dir: string, options) => {
      choose(async (environment) => (await import('./init.ts')).init(dir, options, environment))
    })
  program
    .command('schema')
    .summary('print the JSON Schema of pipeline files')
    .description(
      'Prints the JSON Schema of pipeline files, by which editors complete and check them.',
    )
    .addHelpText('after', examples('millrace schema > pipeline.schema.json'))
    .action(() => {
      choose(async (environment) => (await import('./schema.ts')).schema(environment))
    })
  program
    .command('doctor')
    .summary('check this machine and a data directory')
    .description(
      'Checks what runs depend on: Node, SQLite, the data directory, its lock, the disk.',
    )
    .option(...dataDirOption)
    .option('--json', jsonHelp)
    .addHelpText(
      'after',
      examples('millrace doctor', 'millrace doctor --data-dir /var/lib/millrace'),
    )
    .action((options) => {
      choose(async (environment) => (await import('./doctor.ts')).doctor(options, environment))
    })
}

function examples(...lines: readonly string[]): string {
  return `\n${lines.length === 1 ? 'Example' : 'Examples'}:\n${lines.map((line) => `  $ ${line}\n`).join('')}`.trimEnd()
}

function levelOption(): Option {
  return new Option('--log-level <level>', 'least important lines to show')
    .choices(['debug', 'info', 'warn', 'error'])
    .default('info')
}

function limitOption(fallback: number | null): Option {
  const option = new Option('--limit <count>', 'at most so many records').argParser(positiveInteger)
  return fallback === null ? option : option.default(fallback)
}

function positiveInteger(text: string): number {
  const value = wholeNumber(text)
  if (value === 0) throw new InvalidArgumentError('It is a whole number from 1 on.')
  return value
}

function wholeNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It is a whole number.')
}

function tapStart(text: string): string {
  if (/^(?:earliest|latest|\d{1,18})$/.test(text)) return text
  throw new InvalidArgumentError('It is "earliest", "latest" or an offset.')
}
