import type { BrokerAddress } from './broker-connection.ts'
import type { Brokers, LaneName } from './brokers.ts'
import type { Cluster } from './cluster.ts'
import { decodeUserData, encodeUserData } from './consumer-protocol.ts'
import { answeredError, worstError } from './error-codes.ts'
import type {
  DescribedMember,
  GroupMember,
  JoinRequest,
  JoinResult,
  KafkaClient,
} from './kafka-client.ts'
import type { KafkaError } from './kafka-error.ts'
import { offsetCommitRequest, offsetFetchRequest } from './offset-requests.ts'
import { kafkaJsRequest, type ProtocolRequest } from './protocol-request.ts'

const memberIdRequired = 79
/** The only type that Kafka's own tools know. */
const protocolType = 'consumer'

type Calls = Pick<
  KafkaClient,
  | 'joinGroup'
  | 'syncGroup'
  | 'heartbeat'
  | 'leaveGroup'
  | 'fetchOffsets'
  | 'commitOffsets'
  | 'describeGroup'
  | 'deleteGroups'
>

/**
 * The requests to the coordinators of groups. Joining waits at the broker for the other members, and
 * all that follows on its connection with it: so it has one for itself.
 */
export class GroupCalls implements Calls {
  readonly #cluster: Cluster
  readonly #brokers: Brokers

  constructor(cluster: Cluster, brokers: Brokers) {
    this.#cluster = cluster
    this.#brokers = brokers
  }

  async joinGroup(join: JoinRequest): Promise<JoinResult> {
    const { group } = join
    const request = kafkaJsRequest(
      'JoinGroup',
      {
        groupId: group,
        memberId: join.memberId,
        groupInstanceId: join.instanceId,
        sessionTimeout: join.sessionTimeoutMs,
        rebalanceTimeout: join.rebalanceTimeoutMs,
        protocolType,
        groupProtocols: [
          {
            name: join.protocol,
            metadata: encodeUserData(join.metadata),
          },
        ],
      },
      { brokerWaitMs: join.rebalanceTimeoutMs },
    )
    const { answer, address } = await this.#ask(group, null, request)
    const { errorCode, memberId, generationId, leaderId, members } = answer
    const what = `joining the group "${group}" at ${address.address}`
    const given = errorCode === memberIdRequired ? { memberId } : {}
    this.#check(group, answeredError({ code: errorCode, what, ...given }))
    return {
      generation: generationId,
      memberId,
      leaderId,
      members: members.map((member) => ({
        memberId: member.memberId,
        instanceId: member.groupInstanceId,
        metadata: decodeUserData(member.memberMetadata),
      })),
    }
  }

  async syncGroup(
    member: GroupMember,
    _protocol: string,
    assignments: Parameters<KafkaClient['syncGroup']>[2],
  ): Promise<Uint8Array> {
    const { group } = member
    const request = kafkaJsRequest(
      'SyncGroup',
      {
        ...wire(member),
        generationId: member.generation,
        groupAssignment: assignments.map(({ memberId, assignment }) => ({
          memberId,
          memberAssignment: encodeUserData(assignment),
        })),
      },
      { repeatable: true },
    )
    const { answer, address } = await this.#ask(group, null, request)
    const what = `asking for an assignment of the group "${group}" at ${address.address}`
    this.#check(group, answeredError({ code: answer.errorCode, what }))
    return decodeUserData(answer.memberAssignment)
  }

  async heartbeat(member: GroupMember): Promise<void> {
    const { group } = member
    const input = { ...wire(member), groupGenerationId: member.generation }
    const request = kafkaJsRequest('Heartbeat', input, { repeatable: true })
    const { answer, address } = await this.#ask(group, 'group', request)
    const what = `heartbeat of a member of the group "${group}" at ${address.address}`
    this.#check(group, answeredError({ code: answer.errorCode, what }))
  }

  async leaveGroup(member: GroupMember): Promise<void> {
    const { group } = member
    const request = kafkaJsRequest('LeaveGroup', wire(member), { repeatable: true })
    const { answer, address } = await this.#ask(group, 'group', request)
    const what = `leaving the group "${group}" at ${address.address}`
    const codes = [answer.errorCode, ...(answer.members ?? []).map(({ errorCode }) => errorCode)]
    this.#check(group, worstError(codes.map((code) => answeredError({ code, what }))))
  }

  async fetchOffsets(
    group: string,
    partitions: Parameters<KafkaClient['fetchOffsets']>[1],
  ): Promise<readonly (bigint | null)[]> {
    // To the broker, no partitions are all that the group ever read.
    if (partitions.length === 0) return []
    try {
      const { answer } = await this.#ask(group, 'group', offsetFetchRequest(group, partitions))
      return answer
    } catch (error) {
      this.#cluster.sawCoordinatorError('group', group, error as KafkaError)
      throw error
    }
  }

  async commitOffsets(
    group: string,
    member: GroupMember | null,
    offsets: Parameters<KafkaClient['commitOffsets']>[2],
  ): Promise<void> {
    if (offsets.length === 0) return
    const request = offsetCommitRequest(group, member, offsets)
    const { answer } = await this.#ask(group, 'group', request)
    this.#check(group, answer)
  }

  async describeGroup(group: string): Promise<readonly DescribedMember[]> {
    const request = kafkaJsRequest('DescribeGroups', { groupIds: [group] }, { repeatable: true })
    const { answer, address } = await this.#ask(group, 'admin', request)
    const what = `looking for the members of the group "${group}" at ${address.address}`
    const codes = answer.groups.map(({ errorCode: code }) => answeredError({ code, what }))
    const error = worstError(codes)
    if (error?.code === 'GROUP_ID_NOT_FOUND') return []
    this.#check(group, error)
    return answer.groups.flatMap(({ members }) =>
      members.map(({ memberId, clientHost, memberMetadata }) => ({
        memberId,
        host: clientHost.replace(/^\//, ''),
        metadata: decodeUserData(memberMetadata),
      })),
    )
  }

  async deleteGroups(groups: readonly string[]): Promise<void> {
    for (const group of groups) {
      const request = kafkaJsRequest('DeleteGroups', [group])
      const { answer, address } = await this.#ask(group, 'admin', request)
      const what = `deleting the group "${group}" at ${address.address}`
      const errors = answer.results.map(({ errorCode: code }) => answeredError({ code, what }))
      const error = worstError(errors)
      if (error?.code !== 'GROUP_ID_NOT_FOUND') this.#check(group, error)
    }
  }

  /** @param lane null: a connection of its own. */
  async #ask<Answer>(
    group: string,
    lane: LaneName | null,
    request: ProtocolRequest<Answer>,
  ): Promise<{ readonly answer: Answer; readonly address: BrokerAddress }> {
    const address = await this.#cluster.coordinator('group', group)
    const answer =
      lane === null
        ? await this.#brokers.sendAlone(address, request)
        : await this.#brokers.send(address, lane, request)
    return { answer, address }
  }

  #check(group: string, error: KafkaError | null): void {
    if (error === null) return
    this.#cluster.sawCoordinatorError('group', group, error)
    throw error
  }
}

function wire({ group, memberId, instanceId }: GroupMember): {
  readonly groupId: string
  readonly memberId: string
  readonly groupInstanceId: string | null
} {
  return { groupId: group, memberId, groupInstanceId: instanceId }
}
