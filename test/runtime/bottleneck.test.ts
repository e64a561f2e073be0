import { describe, expect, it } from 'vitest'
import { bottleneckOf, type StageLoad } from '../../src/runtime/bottleneck.ts'

function aStage(stage: string, changes: Partial<StageLoad> = {}): StageLoad {
  return {
    stage,
    n: 1_000,
    T: 10,
    D: 100,
    standing: { sink: 0, pauses: 0, commits: 0, committing: 0 },
    busyShare: 0,
    arrivalRate: 500,
    tasksRun: [`p.${stage}/0`],
    ...changes,
  }
}

const time = { durationMs: 1_000 }

describe('the bottleneck', () => {
  it('is the stage with the most work where the processor is used up, with its share', () => {
    const found = bottleneckOf([aStage('quick', { T: 200 }), aStage('slow', { T: 600 })], time)
    expect(found).toMatchObject({ stage: 'slow', cause: 'steps' })
    expect(found!.sentence).toBe(
      'slow is the bottleneck: at work for 60 % of the run, 75 % of all processing time; it can do 1667 records/s',
    )
  })

  it('is the cause, and not the stage whose records wait for it the longest', () => {
    const victim = aStage('before', { T: 50, D: 9_000, busyShare: 0.9 })
    const found = bottleneckOf([victim, aStage('heavy', { T: 800, D: 400 })], time)
    expect(found!.stage).toBe('heavy')
    expect(found!.sentence).toContain(
      'before has 96 % of all waiting because it is held up, not because it is slow',
    )
  })

  it('is the sink of a stage, whose steps have little to do', () => {
    const slow = { sink: 800, pauses: 0, commits: 0, committing: 0 }
    const found = bottleneckOf(
      [aStage('clean', { T: 100, busyShare: 0.9 }), aStage('save', { standing: slow })],
      time,
    )
    expect(found).toMatchObject({ stage: 'save', cause: 'sink' })
    expect(found!.sentence).toContain('its sink takes 80 % of the run, its steps 1 %')
  })

  it('is the log where a stage stands still for its commits: the stage is its victim', () => {
    const waiting = { sink: 0, pauses: 0, commits: 500, committing: 200 }
    const found = bottleneckOf([aStage('a'), aStage('b', { standing: waiting })], time)
    expect(found).toMatchObject({ stage: null, cause: 'log' })
    expect(found!.sentence).toContain(
      'the log is the bottleneck: b stood still for 70 % of the run',
    )
  })

  it('is what a stage calls, and not its steps, however many calls there are at once', () => {
    const standing = { calls: 800, sink: 0, pauses: 0, commits: 0, committing: 0 }
    const asking = aStage('ask', { T: 50_000, called: 49_990, standing })
    const found = bottleneckOf([aStage('a', { T: 100 }), asking], time)
    expect(found).toMatchObject({ stage: 'ask', cause: 'calls' })
    expect(found!.sentence).toContain('it waits for what it calls for 80 % of the run')
  })

  it('is the peer that a stage cannot write to', () => {
    const away = { sink: 10, pauses: 900, commits: 0, committing: 0 }
    const found = bottleneckOf([aStage('a'), aStage('b', { standing: away })], time)
    expect(found).toMatchObject({ stage: 'b', cause: 'peer' })
  })

  it('counts standing still of tasks that do so side by side once', () => {
    const standing = { sink: 0, pauses: 0, commits: 1_000, committing: 0 }
    const tasksRun = ['p.b/0', 'p.b/1', 'p.b/2', 'p.b/3']
    const found = bottleneckOf([aStage('a'), aStage('b', { standing, tasksRun })], time)
    expect(found).toMatchObject({ cause: 'input' })
  })

  it('is none while the input brings no more than the stages can do', () => {
    const found = bottleneckOf([aStage('a'), aStage('b', { T: 90, busyShare: 0.2 })], time)
    expect(found).toMatchObject({ stage: null, cause: 'input' })
    expect(found!.sentence).toMatch(
      /no stage is the bottleneck.*the busiest is b, where 500 records\/s arrive, with records to work on for 20 %/,
    )
  })

  it('is shared by all processes, and is nothing where nothing was done', () => {
    const stages = [aStage('a', { T: 1_500 }), aStage('b', { T: 100 })]
    expect(bottleneckOf(stages, { durationMs: 1_000, processes: 2 })!.sentence).toContain(
      '75 % of the run',
    )
    expect(bottleneckOf([], time)).toBeNull()
    expect(bottleneckOf([aStage('a', { n: 0, T: 0 })], time)).toBeNull()
  })
})
