const { existsSync, readdirSync, readFileSync } = require('node:fs')
const { join } = require('node:path')

/**
 * Who may import whom (src/README.md has it as a table). A folder that is not named here may be
 * imported by `src/main.ts` only, and imports what it likes: give a new folder its rule.
 */
const layers = {
  core: [],
  clock: ['core'],
  expressions: ['core'],
  operators: ['core'],
  hooks: ['core'],
  endpoints: ['core'],
  logs: ['core'],
  spec: ['core', 'expressions'],
  topology: ['core', 'spec', 'expressions'],
  runtime: ['core', 'topology'],
  telemetry: ['core'],
  simulation: ['core', 'spec', 'topology', 'runtime', 'logs/memory-log[.]ts$'],
  docgen: ['core', 'spec'],
  api: ['core', 'topology', 'runtime'],
}

/** Packages that belong to one folder, or a few. */
const owners = {
  yaml: ['spec'],
  acorn: ['expressions'],
  re2js: ['expressions'],
  commander: ['cli'],
  pino: ['cli', 'main[.]ts$'],
  kafkajs: ['logs/kafka'],
  amqplib: ['endpoints/rabbitmq'],
  pg: ['endpoints/postgres'],
  fastify: ['api'],
  undici: ['endpoints/http'],
  'ipaddr.js': ['endpoints/http', 'endpoints/tables'],
}

/** Files that define what a pipeline file can name: only the generated registries list them. */
const components = ['operators', 'hooks', 'endpoints']
  .map((folder) => join('src', folder))
  .filter((folder) => existsSync(folder))
  .flatMap((folder) => readdirSync(folder, { recursive: true }).map((file) => join(folder, file)))
  .filter((file) => file.endsWith('.ts') && definesComponent(file))
  .map((file) => `^${file.replaceAll('.', '[.]')}$`)

function definesComponent(file) {
  return /^export const \w+ = define(?:Stateless|Stateful|Async|Source|Sink|Listener)\(/m.test(
    readFileSync(file, 'utf8'),
  )
}

const layerRules = Object.entries(layers).map(([folder, allowed]) => ({
  name: `${folder}-imports`,
  comment: `src/${folder} may import from src only: ${['itself', ...allowed].join(', ')}.`,
  severity: 'error',
  from: { path: `^src/${folder}/` },
  to: {
    path: '^src/',
    pathNot: [folder, ...allowed].map((path) => `^src/${path.endsWith('$') ? path : `${path}/`}`),
  },
}))

const ownerRules = Object.entries(owners).map(([name, folders]) => ({
  name: `${name}-belongs-to-${folders[0]}`,
  comment: `Only ${folders.map((folder) => `src/${folder}`).join(', ')} may import the package ${name}.`,
  severity: 'error',
  from: {
    path: '^src/',
    pathNot: folders.map((path) => `^src/${path.endsWith('$') ? path : `${path}/`}`),
  },
  to: { path: `^node_modules/${name}/` },
}))

module.exports = {
  forbidden: [
    ...layerRules,
    ...ownerRules,
    {
      name: 'no-circular',
      comment: 'Modules that import each other cannot be understood, tested or moved alone.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      comment: 'No module imports this one: use it, or delete it.',
      severity: 'error',
      // Declarations of types for packages are found by the compiler, not imported.
      from: { orphan: true, path: '^src/', pathNot: '^src/main[.]ts$|[.]d[.]ts$' },
      to: {},
    },
    {
      name: 'components-stand-alone',
      comment:
        'Operators, sources, sinks and listeners never import each other: what two of them need gets a file of its own.',
      severity: 'error',
      from: { path: '^src/', pathNot: '[.]generated[.]ts$' },
      to: { path: components.length === 0 ? '^$' : components },
    },
    {
      name: 'pure-components',
      comment:
        'Core, expressions, operators, listeners, topology and runtime do no I/O: files, network and processes arrive by argument.',
      severity: 'error',
      from: {
        path: '^src/(core|expressions|operators|hooks|topology|runtime|spec)/',
        // The types of what arrives.
        pathNot: '^src/core/listening[.]ts$',
      },
      to: {
        dependencyTypes: ['core'],
        path: '^(?:node:)?(?:fs|fs/promises|net|http|https|http2|tls|dgram|dns|child_process|worker_threads|cluster|sqlite|timers|timers/promises)$',
      },
    },
    {
      name: 'timers-in-clock',
      comment: 'Only src/clock spends time: use clock.sleep(ms, signal).',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/clock/' },
      to: { dependencyTypes: ['core'], path: '^(?:node:)?timers(?:/promises)?$' },
    },
    {
      name: 'main-is-the-root',
      comment: 'Only src/cli/bin.ts starts src/main.ts; nothing imports from it.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/bin[.]ts$' },
      to: { path: '^src/main[.]ts$' },
    },
    {
      name: 'cli-knows-no-kafka',
      comment: 'src/main.ts hands the Kafka log and telemetry to the commands.',
      severity: 'error',
      from: { path: '^src/cli/' },
      to: { path: '^src/(logs/kafka/|telemetry/otel-)' },
    },
    {
      name: 'simulation-is-for-tests',
      comment:
        'Only the commands that test pipelines, the generator of pages and main.ts use the simulation.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(simulation/|cli/|main[.]ts$)' },
      to: { path: '^src/simulation/' },
    },
    {
      name: 'src-knows-no-tests',
      comment: 'What ships does not import tests.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^test/' },
    },
    {
      name: 'declared-packages',
      comment: 'A package that src imports stands under `dependencies` of package.json.',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'undetermined'] },
    },
    {
      name: 'resolvable',
      comment: 'The import leads nowhere.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    // The compiler in its version 7 has no API that the default parser could use.
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
}
