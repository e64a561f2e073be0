/**
 * Names of the messaging semantic conventions (in development), and ours where they have none: these
 * begin with `millrace.`. The URL says which version the names are of.
 */
export const schemaUrl = 'https://opentelemetry.io/schemas/1.45.0'

export const attribute = {
  serviceName: 'service.name',
  serviceNamespace: 'service.namespace',
  serviceVersion: 'service.version',
  serviceInstance: 'service.instance.id',
  /** `kafka`, or `millrace` for the embedded log. */
  system: 'messaging.system',
  operation: 'messaging.operation.name',
  operationType: 'messaging.operation.type',
  destination: 'messaging.destination.name',
  partition: 'messaging.destination.partition.id',
  group: 'messaging.consumer.group.name',
  kafkaOffset: 'messaging.kafka.offset',
  batchRecords: 'messaging.batch.message_count',
  errorType: 'error.type',
  exceptionType: 'exception.type',
  exceptionMessage: 'exception.message',
  pipeline: 'millrace.name',
  stage: 'millrace.stage.name',
  node: 'millrace.stage.part',
  task: 'millrace.task.id',
  source: 'millrace.source.type',
  sink: 'millrace.sink.type',
  offset: 'millrace.record.offset',
  /**
   * Seconds from when the record could be read, or was left by the stage before, until its steps began; of
   * the call of a listener, from when the event was there.
   */
  wait: 'millrace.wait.duration',
  /** The record came from a machine whose clock is ahead of this one: its wait is not known. */
  isSkewed: 'millrace.clock.skewed',
  /** What became of the record: one of the dispositions that `millrace report` counts. */
  outcome: 'millrace.outcome',
  attempts: 'millrace.attempts',
  attempt: 'millrace.attempt',
  /** Of an attempt: the step that waits for something outside. */
  step: 'millrace.step',
  /** Why the record is traced: `parent`, `head`, `error`, `slow`, `retry` or `hook`. */
  reason: 'millrace.trace.reason',
  dlqReason: 'millrace.dlq.reason',
  /** The dead letter that was written back, as `topic/partition/offset`. */
  replayId: 'millrace.replay.id',
  /** The same on the span of a window and on those of the records in it. */
  window: 'millrace.window.id',
  /** Event time of the result, ISO 8601. */
  windowTime: 'millrace.window.time',
  /** The type of a listener, the event that it was called for, and `delivered`, `failed` or `timed_out`. */
  hook: 'millrace.hook.name',
  hookEvent: 'millrace.hook.event',
  hookOutcome: 'millrace.hook.outcome',
  linksLeftOut: 'millrace.window.links.left_out',
} as const
