import type { Batch, Bus, Consumer, PartitionLag, Resume } from '../../shared/bus/port.ts'
import { assert } from '../../shared/kernel/assert.ts'
import type { EventSourceMapping } from '../template/template.ts'
import { type MskRecord, type MskSource, partitionKeyOf, toMskEvent, toMskRecord } from './event.ts'
import { createGatherer, type Dispatched, type Piece, piecesOf } from './gather.ts'
import { resumeOffsetsOf } from './response.ts'

/** One event-source mapping, as far as it is played here. */
export type Mapping = {
  readonly functionName: string
  /** As the function sees it; a local one where it is left out. */
  readonly eventSourceArn?: string
  readonly topic: string
  /** Of this mapping alone. */
  readonly consumerGroupId: string
  /** Records in one invocation at most. */
  readonly batchSizeMax: number
  /** How long records are gathered for one invocation. */
  readonly windowMs: number
  readonly startingPosition: 'TRIM_HORIZON' | 'LATEST'
  readonly enabled: boolean
  /** `ReportBatchItemFailures`; without it Lambda does not read the function's answer, and neither does this. */
  readonly reportsItemFailures?: boolean
}

/** Invokes a function with JSON text; rejects when Lambda refuses (throttled, unknown). */
export type Invoke = (
  functionName: string,
  payload: string,
) => Promise<{ readonly payload: string; readonly functionError?: string }>

export type EventSourceMappings = {
  /** How far each mapping is behind. */
  lag(): Promise<readonly MappingLag[]>
  /** Stops polling; running invocations get a few seconds to end, and are repeated after the next start if not. */
  close(): Promise<void>
}

export type MappingLag = Pick<Mapping, 'functionName' | 'topic' | 'consumerGroupId'> & {
  readonly partitions: readonly PartitionLag[]
}

export type EventSourceMappingsOptions = {
  readonly mappings: readonly Mapping[]
  readonly bus: Bus
  readonly invoke: Invoke
  /** Told of every failed invocation; its records come again after a growing pause. */
  readonly onError: (error: unknown, mapping: Mapping) => void
  /** As the functions see it. */
  readonly bootstrapServers?: string
  /** The longest pause before a repetition. */
  readonly retryDelayMsMax?: number
}

/** A synchronous invocation takes 6 MB; the rest is for what stands around the records. */
export const PAYLOAD_BYTES_MAX = 6 * 1_024 * 1_024 - 16 * 1_024

const LOCAL_ARN = 'arn:aws:kafka:us-east-1:000000000000:cluster/learning-hub/local'
const LOCAL_SERVERS = 'localhost:9098'

/**
 * Plays Lambda's MSK event-source mappings over the bus: each is a consumer group that invokes its function with
 * batches, one at a time for each partition, and repeats what failed without end.
 *
 * @throws an Error for a consumer group that two mappings share, which Lambda refuses.
 */
export const startEventSourceMappings = ({
  mappings,
  bus,
  invoke,
  onError,
  bootstrapServers = LOCAL_SERVERS,
  retryDelayMsMax,
}: EventSourceMappingsOptions): EventSourceMappings => {
  refuseSharedGroups(mappings)
  const enabled = mappings.filter((mapping) => mapping.enabled)
  const consumers = enabled.map((mapping): Consumer => {
    const source = { eventSourceArn: mapping.eventSourceArn ?? LOCAL_ARN, bootstrapServers }
    const gather = createGatherer({
      recordsMax: mapping.batchSizeMax,
      bytesMax: PAYLOAD_BYTES_MAX,
      windowMs: mapping.windowMs,
      dispatch: (pieces) =>
        dispatch({ mapping, pieces, invoke, source }).catch((error) => {
          onError(error, mapping)
          throw error
        }),
    })
    return bus.consume({
      group: mapping.consumerGroupId,
      topics: [mapping.topic],
      fromBeginning: mapping.startingPosition === 'TRIM_HORIZON',
      batchSizeMax: mapping.batchSizeMax,
      ...(retryDelayMsMax !== undefined && { retryDelayMsMax }),
      handler: (batch) => handle(batch, gather),
    })
  })
  return {
    lag: () =>
      Promise.all(
        enabled.map(async ({ functionName, topic, consumerGroupId }) => ({
          functionName,
          topic,
          consumerGroupId,
          partitions: await bus.lag(consumerGroupId),
        })),
      ),
    async close() {
      await Promise.all(consumers.map((consumer) => consumer.close()))
    },
  }
}

/**
 * A mapping of the packaged template, as it is played here.
 *
 * @throws an Error for a setting that would change what happens on AWS and is not played.
 */
export const toMapping = (template: EventSourceMapping): Mapping => {
  const refused = [
    template.filterPatterns.length > 0 && 'FilterCriteria',
    template.retryAttemptsMax !== UNLIMITED && 'MaximumRetryAttempts',
    template.recordAgeSecondsMax !== UNLIMITED && 'MaximumRecordAgeInSeconds',
    template.bisectBatchOnError && 'BisectBatchOnFunctionError',
    template.onFailureDestinationArn !== undefined && 'DestinationConfig',
    template.startingPosition === 'AT_TIMESTAMP' && 'StartingPosition AT_TIMESTAMP',
  ].filter((name) => name !== false)
  if (refused.length > 0 || template.startingPosition === 'AT_TIMESTAMP')
    throw new Error(`${template.logicalId}: ${refused.join(', ')} cannot be played locally`)
  return {
    functionName: template.functionName,
    eventSourceArn: template.eventSourceArn,
    topic: template.topic,
    consumerGroupId: template.consumerGroupId,
    batchSizeMax: template.batchSizeMax,
    windowMs: template.windowSeconds * 1_000,
    startingPosition: template.startingPosition,
    enabled: template.enabled,
    reportsItemFailures: template.functionResponseTypes.includes('ReportBatchItemFailures'),
  }
}

const UNLIMITED = -1

const refuseSharedGroups = (mappings: readonly Mapping[]): void => {
  const seen = new Set<string>()
  for (const { consumerGroupId, functionName, topic } of mappings) {
    if (seen.has(consumerGroupId))
      throw new Error(`${functionName} reads ${topic} in a group of another: ${consumerGroupId}`)
    seen.add(consumerGroupId)
  }
}

/** Takes one partition's batch, in as many payloads as it needs; the next one begins after the last has gone through. */
const handle = async (
  { topic, partition, records, signal }: Batch,
  gather: (piece: Piece) => Promise<Dispatched>,
): Promise<Resume | undefined> => {
  const pieces = piecesOf(records.map(toMskRecord), { signal, bytesMax: PAYLOAD_BYTES_MAX })
  for (const [index, piece] of pieces.entries()) {
    const outcome = await gather(piece).catch((error) => {
      if (index === 0) throw error
      return undefined
    })
    const first = piece.records[0]
    assert(first, 'a piece has a record')
    // What the pieces before came to stands; this one is repeated.
    if (!outcome) return { resumeAtOffset: first.offset }
    const offset = outcome.get(partitionKeyOf({ topic, partition }))
    if (offset !== undefined) return { resumeAtOffset: offset }
  }
  return undefined
}

const dispatch = async ({
  mapping,
  pieces,
  invoke,
  source,
}: {
  mapping: Mapping
  pieces: readonly Piece[]
  invoke: Invoke
  source: MskSource
}): Promise<Dispatched> => {
  const records: readonly MskRecord[] = pieces.flatMap((piece) => piece.records)
  const answer = await invoke(mapping.functionName, JSON.stringify(toMskEvent(source, records)))
  if (answer.functionError)
    throw new Error(`${mapping.functionName} failed: ${answer.payload.slice(0, REASON_LENGTH_MAX)}`)
  if (!mapping.reportsItemFailures) return new Map()
  return resumeOffsetsOf(answer.payload === '' ? null : JSON.parse(answer.payload), records)
}

const REASON_LENGTH_MAX = 500
