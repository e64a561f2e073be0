import { afterAll, beforeAll, expect, it } from 'vitest'
import type {
  GroupMember,
  JoinRequest,
  JoinResult,
  KafkaClient,
} from '../../../src/logs/kafka/client/kafka-client.ts'
import { KafkaError } from '../../../src/logs/kafka/client/kafka-error.ts'
import { describeWithKafka, sharedBroker } from '../broker/describe-with-kafka.ts'
import { runKafkaCommand } from '../java/java-process.ts'
import { again, clock, connectTo, failureOf, Scene, until } from './client-fixture.ts'

const sessionTimeoutMs = 3_000
const protocol = 'tests'

function requestOf(group: string, choice: Partial<JoinRequest> = {}): JoinRequest {
  return {
    group,
    memberId: '',
    instanceId: null,
    sessionTimeoutMs,
    rebalanceTimeoutMs: 5_000,
    protocol,
    metadata: Buffer.from('about me'),
    ...choice,
  }
}

function memberOf(request: JoinRequest, { generation, memberId }: JoinResult): GroupMember {
  return { group: request.group, generation, memberId, instanceId: request.instanceId }
}

describeWithKafka('members of a group by the client', () => {
  let client: KafkaClient
  beforeAll(async () => {
    client = await connectTo(sharedBroker.address)
  })
  afterAll(() => client.close())

  /** Joins, with the id that the broker gives at the first call. */
  async function join(request: JoinRequest): Promise<JoinResult> {
    try {
      return await again(() => client.joinGroup(request))
    } catch (error) {
      if (!(error instanceof KafkaError) || error.memberId === null) throw error
      expect(error).toMatchObject({ code: 'MEMBER_ID_REQUIRED', kind: 'rebalance' })
      const { memberId } = error
      return again(() => client.joinGroup({ ...request, memberId }))
    }
  }

  it('join, share out, beat and leave', async () => {
    const request = requestOf('client-group')
    const joined = await join(request)
    expect(joined.leaderId).toBe(joined.memberId)
    expect(joined.members).toEqual([
      { memberId: joined.memberId, instanceId: null, metadata: Buffer.from('about me') },
    ])
    const member = memberOf(request, joined)
    const assignments = [{ memberId: joined.memberId, assignment: Buffer.from('your work') }]
    const mine = await client.syncGroup(member, protocol, assignments)
    expect(Buffer.from(mine).toString()).toBe('your work')
    await client.heartbeat(member)
    await client.leaveGroup(member)
    const gone = await failureOf(client.heartbeat(member))
    expect(gone).toMatchObject({ code: 'UNKNOWN_MEMBER_ID', kind: 'rebalance' })
  })

  it('hear of a second one by their heartbeat, and join again together', async () => {
    const request = requestOf('client-group-two')
    const first = await join(request)
    const member = memberOf(request, first)
    const own = [{ memberId: first.memberId, assignment: Buffer.from('all') }]
    await client.syncGroup(member, protocol, own)

    const second = join(requestOf('client-group-two', { metadata: Buffer.from('second') }))
    await until(async () => {
      try {
        await client.heartbeat(member)
        return false
      } catch (error) {
        expect(error).toMatchObject({ code: 'REBALANCE_IN_PROGRESS', kind: 'rebalance' })
        return true
      }
    })
    const rejoined = await join({ ...request, memberId: first.memberId })
    const follower = await second
    expect(rejoined.generation).toBe(follower.generation)
    expect(rejoined.generation).toBeGreaterThan(first.generation)
    expect(rejoined.members).toHaveLength(2)
    expect(follower.members).toHaveLength(0)

    // The follower's question waits at the broker for the leader's answer; nothing else waits for it.
    const asked = client.syncGroup(memberOf(request, follower), protocol, [])
    await client.listOffsets([], 'latest', 'read_committed')
    const assignments = rejoined.members.map(({ memberId }, i) => ({
      memberId,
      assignment: Buffer.from(`part ${i}`),
    }))
    await client.syncGroup(memberOf(request, rejoined), protocol, assignments)
    expect(Buffer.from(await asked).toString()).toMatch(/^part [01]$/)

    const old = await failureOf(client.heartbeat(member))
    expect(old).toMatchObject({ code: 'ILLEGAL_GENERATION', kind: 'rebalance' })
    for (const joined of [rejoined, follower]) await client.leaveGroup(memberOf(request, joined))
  })

  it('leave at once, also while they are joining', async () => {
    const request = requestOf('client-group-leave', { rebalanceTimeoutMs: 30_000 })
    const first = await join(request)
    await client.syncGroup(memberOf(request, first), protocol, [])
    // It waits for the first one, which does not come.
    const required = await failureOf(client.joinGroup(request))
    const memberId = required.memberId!
    const waiting = failureOf(client.joinGroup({ ...request, memberId }))
    await clock.sleep(100)
    const startUs = clock.monotonicUs()
    await client.leaveGroup({ ...memberOf(request, first), memberId, generation: -1 })
    expect(clock.monotonicUs() - startUs).toBeLessThan(1_000_000)
    expect((await waiting).kind).toBe('rebalance')
    await client.leaveGroup(memberOf(request, first))
  })

  it('that are static come back under the same id without a rebalance, and fence their double', async () => {
    const request = requestOf('client-group-static', { instanceId: 'worker-1' })
    const first = await join(request)
    const member = memberOf(request, first)
    const own = [{ memberId: first.memberId, assignment: Buffer.from('mine') }]
    await client.syncGroup(member, protocol, own)

    const back = await join(request)
    expect(back.memberId).not.toBe(first.memberId)
    expect(back.generation).toBe(first.generation)
    const assignment = await client.syncGroup(memberOf(request, back), protocol, [])
    expect(Buffer.from(assignment).toString()).toBe('mine')

    const scene = await Scene.open(client, 'client-group-static')
    const fenced: readonly (() => Promise<unknown>)[] = [
      () => client.heartbeat(member),
      () => client.commitOffsets(request.group, member, [{ ...scene.at(), offset: 1n }]),
      () => client.joinGroup({ ...request, memberId: first.memberId }),
    ]
    for (const attempt of fenced) {
      expect(await failureOf(attempt())).toMatchObject({
        code: 'FENCED_INSTANCE_ID',
        kind: 'fenced',
      })
    }
    await client.leaveGroup(memberOf(request, back))
  })

  it('store positions only in their generation', async () => {
    const scene = await Scene.open(client, 'client-group-positions')
    const request = requestOf('client-group-positions')
    const joined = await join(request)
    const member = memberOf(request, joined)
    await client.syncGroup(member, protocol, [])
    const at = (offset: bigint) => [{ ...scene.at(), offset }]
    await client.commitOffsets(request.group, member, at(5n))
    const old = { ...member, generation: member.generation - 1 }
    const refused = await failureOf(client.commitOffsets(request.group, old, at(9n)))
    expect(refused).toMatchObject({ code: 'ILLEGAL_GENERATION', kind: 'rebalance' })
    const stranger = await failureOf(client.commitOffsets(request.group, null, at(9n)))
    expect(stranger.kind).toBe('rebalance')
    expect(await client.fetchOffsets(request.group, [scene.at()])).toEqual([5n])
    expect(await failureOf(client.deleteGroups([request.group]))).toMatchObject({
      code: 'NON_EMPTY_GROUP',
      kind: 'config',
    })
    await client.leaveGroup(member)
  })

  it('of two programs do not mix', async () => {
    const request = requestOf('client-group-mixed')
    const joined = await join(request)
    await client.syncGroup(memberOf(request, joined), protocol, [])
    const other = { ...requestOf('client-group-mixed'), protocol: 'another' }
    expect(await failureOf(join(other))).toMatchObject({
      code: 'INCONSISTENT_GROUP_PROTOCOL',
      kind: 'config',
    })
    await client.leaveGroup(memberOf(request, joined))
  })

  it('can be seen by the tools of Kafka, with their positions', async () => {
    const scene = await Scene.open(client, 'client-group-tools')
    const request = requestOf('client-group-tools', { sessionTimeoutMs: 30_000 })
    const joined = await join(request)
    const member = memberOf(request, joined)
    const given = [{ memberId: joined.memberId, assignment: Buffer.from('{"our":"own"}') }]
    await client.syncGroup(member, protocol, given)
    await client.commitOffsets(request.group, member, [{ ...scene.at(), offset: 3n }])
    const describe = ['--bootstrap-server', sharedBroker.address, '--describe', '--group']
    const tool = 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand'
    const members = await runKafkaCommand(tool, [...describe, request.group, '--members'])
    expect(members.join('\n')).toContain(joined.memberId)
    const positions = await runKafkaCommand(tool, [...describe, request.group])
    expect(positions.join('\n')).toMatch(/client-group-tools +0 +3 /)
    await client.leaveGroup(member)
  })

  it('whose session is over are counted out', async () => {
    const request = requestOf('client-group-session', { sessionTimeoutMs: 1_000 })
    const joined = await join(request)
    await client.syncGroup(memberOf(request, joined), protocol, [])
    await clock.sleep(1_500)
    const late = await failureOf(client.heartbeat(memberOf(request, joined)))
    expect(late).toMatchObject({ code: 'UNKNOWN_MEMBER_ID', kind: 'rebalance' })
    const tooShort = requestOf('client-group-session', { sessionTimeoutMs: 10 })
    expect(await failureOf(join(tooShort))).toMatchObject({
      code: 'INVALID_SESSION_TIMEOUT',
      kind: 'config',
    })
  })
})
