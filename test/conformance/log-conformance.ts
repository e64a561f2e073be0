import { afterEach, beforeEach, describe } from 'vitest'
import { logCommits } from './log-commits.ts'
import { type LogCapabilities, LogFixture, type MakeLog } from './log-fixture.ts'
import { logHandsOutRecords } from './log-pulling.ts'
import { logKeepsRecords } from './log-records.ts'
import { logAdministersTopics } from './log-topics.ts'

/** What every log must do, whatever it is made of. */
export function logConformance(name: string, make: MakeLog, capabilities: LogCapabilities): void {
  describe(`${name} log, conformance`, () => {
    const fixture = usedFixture(make, capabilities)
    logKeepsRecords(fixture)
    logHandsOutRecords(fixture)
    logCommits(fixture)
    logAdministersTopics(fixture)
  })
}

/** The part of it that needs neither state nor commits that are kept as a whole. */
export function recordConformance(
  name: string,
  make: MakeLog,
  capabilities: LogCapabilities,
): void {
  describe(`${name} log, conformance of records and positions`, () => {
    const fixture = usedFixture(make, capabilities)
    logKeepsRecords(fixture)
    logHandsOutRecords(fixture)
  })
}

function usedFixture(make: MakeLog, capabilities: LogCapabilities): LogFixture {
  const fixture = new LogFixture(make, capabilities)
  beforeEach(() => fixture.begin())
  afterEach(() => fixture.end())
  return fixture
}
