#!/usr/bin/env node
/**
 * The published command. It has to run on every Node that knows modules, to say which one is needed:
 * old syntax only, and nothing is imported before the check.
 */
const neededMajor = 24
const neededMinor = 21

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < neededMajor || (major === neededMajor && minor < neededMinor)) {
  process.stderr.write(
    `millrace needs Node ${neededMajor}.${neededMinor} or later, and ${process.execPath} is Node ${process.versions.node}.\n` +
      `Install a newer Node, or try: npx --package node@${neededMajor} --package millrace millrace --help\n`,
  )
  process.exitCode = 2
} else {
  await import('../main.ts')
}
