import { Command, CommanderError, Option } from 'commander'
import { exitCodes, type CliEnvironment, type ExitCode } from './cli-environment.ts'
import {
  collect,
  dataDirOption,
  examples,
  jsonHelp,
  kafkaHelp,
  levelOption,
  logOption,
  pathsHelp,
  positiveInteger,
  wholeNumber,
  type Choose,
  type Verb,
} from './command-options.ts'
import { addDlq, addTap, addTopics } from './log-commands.ts'
import { addReport, addTrace } from './timing-commands.ts'
import { packageVersion } from './package-files.ts'

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

function makeProgram(environment: CliEnvironment, choose: Choose): Command {
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
  addDev(program, choose)
  addPipelineCommands(program, choose)
  addExplain(program, choose)
  addTopics(program, choose)
  addDlq(program, choose)
  addTap(program, choose)
  addReport(program, choose)
  addTrace(program, choose)
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

function addRun(program: Command, choose: Choose): void {
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
    .option(
      '--only <stage>',
      'run this stage alone (more than once for several); what stages with bounded input have written, which do not run, is read to its end',
      collect,
    )
    .option('--json', 'print the report of the run as JSON on stdout')
    .option('--quiet', 'no progress and no summary, only warnings and errors')
    .option(...logOption)
    .option('--no-create-topics', 'stop when a topic is missing, in place of creating it')
    .option('--yes', 'with --fresh on Kafka: delete topics without asking')
    .addOption(
      new Option(
        '--workers <count>',
        'on Kafka: processes of this command that share the work; the same command on other machines shares it too',
      ).argParser(positiveInteger),
    )
    .addOption(
      new Option(
        '--threads <count>',
        'threads beside the main one for stages without state (default: by the cores, at most 2; 0: none)',
      ).argParser(wholeNumber),
    )
    .option(
      '--metrics <address>',
      'serve metrics for Prometheus at HOST:PORT or PORT, with /livez and /readyz (127.0.0.1 when no host is named)',
    )
    .option('--metrics-open', 'with --metrics: other machines may read them too')
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
        'millrace run pipelines/orders.yaml --log kafka://localhost:9092 --workers 3',
      ),
    )
    .addHelpText('after', kafkaHelp())
    .action((paths: string[], options) => {
      choose(async (environment) => (await import('./run.ts')).run(paths, options, environment))
    })
}

function addDev(program: Command, choose: Choose): void {
  program
    .command('dev')
    .summary('run pipelines, and run them anew when their files are saved')
    .description(
      'Runs pipelines while you write them. When a file is saved, or a module, schema or table that it ' +
        'names, it is checked; if all is well the run finishes what it has begun, and the new one goes on ' +
        'from there. With a mistake in the files the old run goes on.',
    )
    .argument('<path...>', pathsHelp)
    .option(...dataDirOption)
    .option(...logOption)
    .option('--fresh', 'at the first start forget what the pipelines wrote, as `run --fresh`')
    .option('--yes', 'with --fresh on Kafka: delete topics without asking')
    .addOption(levelOption())
    .addHelpText('after', examples('millrace dev pipelines/orders.yaml', 'millrace dev pipelines'))
    .action((paths: string[], options) => {
      choose(async (environment) => (await import('./dev.ts')).dev(paths, options, environment))
    })
}

function addPipelineCommands(program: Command, choose: Choose): void {
  program
    .command('validate')
    .summary('check pipeline files without running them')
    .description('Checks pipeline files and names everything that is wrong, with its place.')
    .argument('<path...>', pathsHelp)
    .option(...logOption)
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
    .option(...logOption)
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

function addExplain(program: Command, choose: Choose): void {
  program
    .command('explain')
    .summary('show what a pipeline guarantees, and why')
    .description(
      'Shows the stages of pipelines and what holds for records on each path through them, on the log ' +
        'that is chosen: what a crash repeats, and by what that can be told. Nothing is opened.',
    )
    .argument('<path...>', pathsHelp)
    .option('--guarantees', 'only the guarantees')
    .option(...logOption)
    .option('--json', 'print the guarantees as JSON on stdout')
    .addHelpText(
      'after',
      examples(
        'millrace explain pipelines/orders.yaml --guarantees',
        'millrace explain pipelines/orders.yaml --guarantees --log kafka://localhost:9092',
      ),
    )
    .action((paths: string[], options) => {
      choose(async (environment) =>
        (await import('./explain.ts')).explain(paths, options, environment),
      )
    })
}

function addSetUpCommands(program: Command, choose: Choose): void {
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
    .summary('check this machine, a data directory and a Kafka cluster')
    .description(
      'Checks what runs depend on: Node, SQLite, the data directory, its lock, the disk; and with ' +
        '--log kafka://... whether the cluster can be reached, its version, its clock, what may be done ' +
        'there, and the settings of the topics with state. Exit code 1 when something is wrong.',
    )
    .option(...dataDirOption)
    .option(...logOption)
    .option('--json', jsonHelp)
    .addHelpText(
      'after',
      examples(
        'millrace doctor',
        'millrace doctor --data-dir /var/lib/millrace',
        'millrace doctor --log kafka://localhost:9092',
      ),
    )
    .addHelpText('after', kafkaHelp())
    .action((options) => {
      choose(async (environment) => (await import('./doctor.ts')).doctor(options, environment))
    })
}
