import type { SourceFile } from './repository-files.ts'

interface Ban {
  readonly pattern: RegExp
  readonly name: string
  readonly instead: string
  /** Paths that the ban applies to, and those among them that it does not. */
  readonly where: RegExp
  readonly except?: RegExp
}

/** Where the real time, real randomness and real processes are the subject, or stand in a text. */
const realTime =
  /^(src\/clock\/|src\/simulation\/|test\/(bench|e2e|judges|clock|kafka)\/|test\/expressions\/escape-attempts\.ts$)/
const everywhere = /^(src|test)\//
const inSrc = /^src\//

export const bans: readonly Ban[] = [
  {
    pattern: /\bDate\.now\b/,
    name: 'Date.now',
    instead: 'clock.wallMs()',
    where: everywhere,
    except: realTime,
  },
  {
    pattern: /\bnew Date\(\s*\)/,
    name: 'new Date()',
    instead: 'new Date(clock.wallMs())',
    where: everywhere,
    except: realTime,
  },
  {
    pattern: /\bset(?:Timeout|Interval)\b/,
    name: 'a timer',
    instead: 'clock.sleep(ms, signal)',
    where: everywhere,
    except: realTime,
  },
  {
    pattern: /\bAbortSignal\.timeout\b/,
    name: 'AbortSignal.timeout',
    instead: 'clock.sleep(ms, signal)',
    where: everywhere,
    except: realTime,
  },
  {
    pattern: /\bperformance\.(?:now|timeOrigin)\b/,
    name: 'performance',
    instead: 'clock.monotonicUs()',
    where: everywhere,
    except: realTime,
  },
  {
    pattern: /\bMath\.random\b/,
    name: 'Math.random',
    instead: 'random.next()',
    where: everywhere,
    except: realTime,
  },
  {
    pattern: /\brandom(?:UUID|Bytes)\b/,
    name: 'randomness of the system',
    instead: 'random.next()',
    where: everywhere,
    except: realTime,
  },
  {
    pattern: /\bprocess\.env\b/,
    name: 'process.env',
    instead: 'what src/main.ts hands down',
    where: inSrc,
    except: /^src\/main\.ts$/,
  },
  {
    pattern: /\bprocess\.exit\(/,
    name: 'process.exit',
    instead: 'process.exitCode: output may not have been written yet',
    where: inSrc,
    except: /^src\/main\.ts$/,
  },
  {
    pattern: /\bas any\b(?! (?!as\b)[a-z])/,
    name: 'as any',
    instead: 'a type, or unknown and a check',
    where: everywhere,
  },
  {
    pattern: /@ts-(?:ignore|nocheck)\b/,
    name: 'silencing the compiler',
    instead: '@ts-expect-error with the reason',
    where: everywhere,
  },
  {
    pattern: /\beslint-disable\b/,
    name: 'eslint-disable',
    instead: 'oxlint-disable-next-line with the reason',
    where: everywhere,
  },
  {
    pattern: /\boxlint-disable(?!-next-line [\w/-]+(?:, [\w/-]+)* -- \S)/,
    name: 'oxlint-disable',
    instead: 'oxlint-disable-next-line RULE -- reason',
    where: everywhere,
  },
  {
    pattern: /\b(?:TODO|FIXME|XXX)\b/,
    name: 'a note to do it later',
    instead: 'the thing itself, or an issue',
    where: everywhere,
  },
  {
    pattern: /\b(?:it|test|describe)\.(?:only|skip|todo)\b/,
    name: 'a test that does not run',
    instead: 'a test that runs',
    where: /^test\//,
  },
  {
    pattern: /['"`(][^'"`]*\bfailed to\b/i,
    name: '"failed to"',
    instead: 'what failed, on what, and what to do',
    where: inSrc,
  },
  {
    pattern: /\.\.\/shared\b|['"`]\/(?:work|home|Users|tmp)\//,
    name: 'a path of one machine',
    instead: 'a path relative to the project, or os.tmpdir()',
    where: everywhere,
    // Inside a container.
    except: /^test\/kafka\/broker\/container-broker\.ts$/,
  },
  {
    pattern: /\bexport \*/,
    name: 'export *',
    instead: 'imports of the files themselves',
    where: everywhere,
  },
  {
    pattern: /\benum [A-Z]\w* \{|^\s*namespace \w/,
    name: 'syntax that cannot be erased',
    instead: 'a const object or a union type',
    where: everywhere,
  },
]

/** A file that names the words because it bans them. */
const lawFiles = /^test\/laws\/(?:banned-words|ratchet|lint|architecture)/

/** One line for each use of a banned word, as `file:line: X is banned, use Y`. */
export function bannedWords({ path, text }: SourceFile): readonly string[] {
  if (lawFiles.test(path)) return []
  const applying = bans.filter(
    ({ where, except }) => where.test(path) && except?.test(path) !== true,
  )
  return text
    .split('\n')
    .flatMap((line, index) =>
      applying
        .filter(({ pattern }) => pattern.test(line))
        .map(({ name, instead }) => `${path}:${index + 1}: ${name} is banned, use ${instead}`),
    )
}
