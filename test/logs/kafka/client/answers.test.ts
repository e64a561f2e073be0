import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteWriter } from '../../../../src/logs/kafka/client/byte-writer.ts'
import { fetchRequest } from '../../../../src/logs/kafka/client/fetch-request.ts'
import { metadataRequest } from '../../../../src/logs/kafka/client/metadata-request.ts'
import {
  offsetCommitRequest,
  offsetFetchRequest,
} from '../../../../src/logs/kafka/client/offset-requests.ts'
import { produceRequest } from '../../../../src/logs/kafka/client/produce-request.ts'
import {
  kafkaJsRequest,
  type ProtocolRequest,
} from '../../../../src/logs/kafka/client/protocol-request.ts'
import { alterTopicConfigRequest } from '../../../../src/logs/kafka/client/topic-config-request.ts'

const address = 'kafka:9092'
const place = { topic: 't', partition: 0 }
const everything = { minVersion: 0, maxVersion: 99 }
const inTransaction = { transactionalId: 'id', producerId: '1', producerEpoch: 0 }
const inGroup = { groupId: 'g', memberId: 'm', groupInstanceId: null }

const requests: readonly ProtocolRequest<unknown>[] = [
  produceRequest({ transactionalId: null, timeoutMs: 1, batches: [] }, address),
  fetchRequest(
    { maxWaitMs: 1, minBytes: 1, maxBytes: 1, isolation: 'read_committed', partitions: [] },
    address,
  ),
  metadataRequest(null),
  offsetFetchRequest('g', [place]),
  offsetCommitRequest('g', null, [{ ...place, offset: 1n }]),
  alterTopicConfigRequest('t', { a: 'b' }),
  kafkaJsRequest('ApiVersions', undefined),
  kafkaJsRequest('Metadata', { topics: [], allowAutoTopicCreation: false }),
  kafkaJsRequest('GroupCoordinator', { groupId: 'g', coordinatorType: 0 }),
  kafkaJsRequest('ListOffsets', { isolationLevel: 0, topics: [] }),
  kafkaJsRequest('InitProducerId', { transactionalId: null, transactionTimeout: 1 }),
  kafkaJsRequest('AddPartitionsToTxn', { ...inTransaction, topics: [] }),
  kafkaJsRequest('AddOffsetsToTxn', { ...inTransaction, groupId: 'g' }),
  kafkaJsRequest('TxnOffsetCommit', { ...inTransaction, groupId: 'g', topics: [] }),
  kafkaJsRequest('EndTxn', { ...inTransaction, transactionResult: true }),
  kafkaJsRequest('JoinGroup', {
    ...inGroup,
    sessionTimeout: 1,
    rebalanceTimeout: 1,
    protocolType: 'consumer',
    groupProtocols: [],
  }),
  kafkaJsRequest('SyncGroup', { ...inGroup, generationId: 1, groupAssignment: [] }),
  kafkaJsRequest('Heartbeat', { ...inGroup, groupGenerationId: 1 }),
  kafkaJsRequest('LeaveGroup', inGroup),
  kafkaJsRequest('CreateTopics', { topics: [], validateOnly: true, timeout: 1 }),
  kafkaJsRequest('DeleteTopics', { topics: [], timeout: 1 }),
  kafkaJsRequest('CreatePartitions', { topicPartitions: [], timeout: 1 }),
  kafkaJsRequest('DescribeConfigs', { resources: [] }),
  kafkaJsRequest('DeleteRecords', { topics: [], timeout: 1 }),
  kafkaJsRequest('DeleteGroups', ['g']),
]

/** Bytes that look like lengths and counts, the extreme ones among them. */
const suspicious = fc.oneof(
  fc.constantFrom(0, 1, 2, 0x7f, 0x80, 0xfe, 0xff),
  fc.integer({ min: 0, max: 255 }),
)

describe('answers of brokers', () => {
  it.each(requests.map((request) => [request.name, request] as const))(
    'to %s may be any bytes: they are read or refused, and at once',
    async (_, request) => {
      const { decode } = (await request.encode(everything))!
      const property = fc.asyncProperty(fc.array(suspicious, { maxLength: 120 }), async (bytes) => {
        try {
          await decode(Buffer.from(bytes))
        } catch (error) {
          expect(error).toBeInstanceOf(Error)
        }
      })
      await fc.assert(property, { numRuns: 300, interruptAfterTimeLimit: 20_000 })
    },
  )

  it('with a count of 2^31 and lengths that go backwards are refused', async () => {
    const backwards = new ByteWriter().int32(0).int32(2 ** 31 - 1)
    for (let i = 0; i < 20; i++) backwards.int16(-4).int16(0)
    const names = [
      'DeleteTopics',
      'DeleteRecords',
      'ListOffsets',
      'TxnOffsetCommit',
      'DeleteGroups',
    ]
    const chosen = requests.filter(({ name }) => names.includes(name))
    expect(chosen).toHaveLength(names.length)
    for (const request of chosen) {
      const { decode } = (await request.encode(everything))!
      await expect(Promise.resolve(decode(Buffer.from(backwards.bytes)))).rejects.toThrow(
        'fit into',
      )
    }
  })

  it('to requests in versions that the broker does not know are not asked for', async () => {
    for (const request of requests) {
      expect(await request.encode({ minVersion: 50, maxVersion: 99 })).toBeNull()
    }
  })
})

describe('the metadata of a cluster', () => {
  it('have topic ids from brokers of Kafka 3 on, partitions in order, and null for no leader', async () => {
    const { version, flexible, decode } = (await metadataRequest(['t']).encode(everything))!
    expect([version, flexible]).toEqual([12, true])
    const writer = new ByteWriter().int32(0)
    const nodes = [1, 2]
    const ints = (values: readonly number[]) =>
      writer.compactArray(values, (value) => writer.int32(value))
    writer.compactArray(nodes, (id) =>
      writer.int32(id).compactString(`host-${id}`).int32(9092).compactString(null).noTags(),
    )
    writer.compactString('cluster').int32(2)
    writer.compactArray(['t'], (name) => {
      writer.int16(0).compactString(name).raw(Buffer.alloc(16, 1)).boolean(false)
      writer.compactArray([1, 0], (partition) => {
        writer
          .int16(0)
          .int32(partition)
          .int32(partition === 0 ? 2 : -1)
          .int32(5)
        ints(nodes)
        ints([2])
        ints([])
        writer.noTags()
      })
      writer.int32(0).noTags()
    })
    expect(await decode(writer.noTags().bytes)).toEqual({
      brokers: nodes.map((nodeId) => ({ nodeId, host: `host-${nodeId}`, port: 9092 })),
      controllerId: 2,
      topics: [
        {
          errorCode: 0,
          name: 't',
          id: 'AQEBAQEBAQEBAQEBAQEBAQ',
          leaders: [2, null],
          replication: 2,
        },
      ],
    })
  })

  it('have none from older brokers', async () => {
    const older = { minVersion: 0, maxVersion: 9 }
    const { version, decode } = (await metadataRequest(['t']).encode(older))!
    expect(version).toBe(6)
    const writer = new ByteWriter().int32(0)
    writer.array([7], (id) => writer.int32(id).string('host').int32(9092).string(null))
    writer.string('cluster').int32(7)
    writer.array(['t'], (name) => {
      writer.int16(0).string(name).boolean(false)
      writer.array([0], (partition) => {
        writer.int16(0).int32(partition).int32(7)
        for (const nodes of [[7], [7], []]) writer.array(nodes, (node) => writer.int32(node))
      })
    })
    expect(await decode(writer.bytes)).toMatchObject({
      brokers: [{ nodeId: 7, host: 'host', port: 9092 }],
      controllerId: 7,
      topics: [{ errorCode: 0, name: 't', id: null, leaders: [7], replication: 1 }],
    })
  })
})

describe('a produce request', () => {
  it('holds large records without a copy, and small ones copied, in the order given', async () => {
    const large = Buffer.alloc(5_000, 1)
    const small = Buffer.alloc(10, 2)
    const batches = [
      { topic: 'a', partition: 3, records: large },
      { topic: 'b', partition: 0, records: small },
      { topic: 'a', partition: 4, records: small },
    ]
    const request = produceRequest({ transactionalId: 'id', timeoutMs: 9, batches }, address)
    const { parts } = (await request.encode({ minVersion: 3, maxVersion: 13 }))!
    expect(parts[1]).toBe(large)
    const int32 = (value: number) => new ByteWriter().int32(value).bytes
    const expected = new ByteWriter().string('id').int16(-1).int32(9).int32(2)
    expected.string('a').int32(2).int32(3).int32(large.length).raw(large)
    expected.int32(4).int32(small.length).raw(small)
    expected.string('b').int32(1).raw(int32(0)).int32(small.length).raw(small)
    expect(Buffer.concat(parts).equals(expected.bytes)).toBe(true)
  })

  it('takes a batch that the broker has already for written', async () => {
    const request = produceRequest({ transactionalId: null, timeoutMs: 1, batches: [] }, address)
    const { decode } = (await request.encode(everything))!
    const writer = new ByteWriter()
    writer.array(['t'], (topic) =>
      writer
        .string(topic)
        .array([46, 10], (code) => writer.int32(1).int16(code).int64(-1n).int64(-1n).int64(-1n)),
    )
    const results = await decode(writer.int32(0).bytes)
    expect(results[0]).toEqual({ topic: 't', partition: 1, error: null, baseOffset: -1n })
    expect(results[1]!.error!.message).toContain('writing to "t/1" at kafka:9092')
  })
})
