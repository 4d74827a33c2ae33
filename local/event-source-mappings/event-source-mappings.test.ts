import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import type { MSKEvent } from 'aws-lambda'
import { ensureEventLog } from '../../shared/bus/embedded/ensure.ts'
import { type EmbeddedBus, openEmbeddedBus } from '../../shared/bus/embedded.ts'
import type { OutboundRecord } from '../../shared/bus/port.ts'
import { silentLog } from '../../shared/observe/logger.ts'
import { useDatabase } from '../../tests/support/database.ts'
import { eventually } from '../../tests/support/eventually.ts'
import type { EventSourceMapping } from '../template/template.ts'
import {
  type EventSourceMappings,
  type EventSourceMappingsOptions,
  type Mapping,
  PAYLOAD_BYTES_MAX,
  startEventSourceMappings,
  toMapping,
} from './event-source-mappings.ts'

// The function is played; the log under the mapping is the embedded one.
describe('event-source mappings', () => {
  const database = useDatabase()
  const running: EventSourceMappings[] = []
  let bus: EmbeddedBus
  beforeAll(async () => {
    const url = await ensureEventLog({ databaseUrl: database.url, rolePassword: 'hub-test' })
    bus = openEmbeddedBus({ url, log: silentLog })
  })
  afterEach(() => Promise.all(running.splice(0).map((each) => each.close())))
  afterAll(() => bus.close())

  const newTopic = async (partitions: number) => {
    const topic = `hub.${randomUUID()}.v1`
    await bus.ensureTopics([topic], { partitions })
    return topic
  }
  const mappingOf = (topic: string, changes: Partial<Mapping> = {}): Mapping => ({
    functionName: 'courseBus',
    topic,
    consumerGroupId: `hub.${randomUUID()}`,
    batchSizeMax: 100,
    windowMs: 0,
    startingPosition: 'TRIM_HORIZON',
    enabled: true,
    ...changes,
  })
  type Answer = { payload?: unknown; functionError?: string }
  const start = (
    mapping: Mapping,
    answer: (event: MSKEvent, call: number) => Answer | Promise<Answer> = () => ({}),
    options: Partial<EventSourceMappingsOptions> = {},
  ) => {
    const events: MSKEvent[] = []
    const errors: unknown[] = []
    const mappings = startEventSourceMappings({
      mappings: [mapping],
      bus,
      retryDelayMsMax: 50,
      onError: (error) => errors.push(error),
      invoke: async (_name, text) => {
        const event: MSKEvent = JSON.parse(text)
        events.push(event)
        const { payload, functionError } = await answer(event, events.length)
        return {
          payload: payload === undefined ? '' : JSON.stringify(payload),
          ...(functionError && { functionError }),
        }
      },
      ...options,
    })
    running.push(mappings)
    const lag = async () =>
      (await mappings.lag()).flatMap(({ partitions }) => partitions).map((each) => each.lag)
    const settled = () =>
      eventually(async () => {
        const lags = await lag()
        expect(lags.length).toBeGreaterThan(0)
        expect(lags.reduce((sum, each) => sum + each, 0)).toBe(0)
      })
    return { events, errors, mappings, lag, settled }
  }
  const offsetsOf = (events: readonly MSKEvent[]) =>
    events.map((event) =>
      Object.entries(event.records)
        .sort()
        .map(([key, records]) => `${key.slice(-1)}:${records.map(({ offset }) => offset)}`)
        .join(' '),
    )
  const send = (topic: string, records: readonly Partial<OutboundRecord>[]) =>
    bus.send(records.map((record) => ({ topic, key: 'key', value: 'value', ...record })))
  /** Keys of which each falls into a partition of its own. */
  const keysByPartition = async (topic: string, partitions: number) => {
    const keys = new Map<number, string>()
    for (let index = 0; keys.size < partitions; index += 1) {
      await send(topic, [{ key: `key${index}` }])
      const [row] = await database.query<{ partition: number }>(
        'select partition from event_log.record where topic = $1 order by appended_at desc limit 1',
        [topic],
      )
      if (row && !keys.has(row.partition)) keys.set(row.partition, `key${index}`)
    }
    return keys
  }

  it('invokes with exactly the event that Lambda makes of MSK records', async () => {
    const topic = await newTopic(1)
    await send(topic, [
      {
        key: 'crs_1',
        value: '{"é":1}',
        headers: [
          ['traceparent', Buffer.from('00-ab')],
          ['raw', Buffer.from([0, 127, 128, 255])],
        ],
      },
      { key: null, value: 'unkeyed' },
      { key: 'tombstone', value: null },
    ])
    const source = { eventSourceArn: 'arn:aws:kafka:x', bootstrapServers: 'b-1:9098,b-2:9098' }
    const { events, settled } = start(
      mappingOf(topic, { eventSourceArn: source.eventSourceArn }),
      undefined,
      { bootstrapServers: source.bootstrapServers },
    )
    await settled()
    const common = { topic, partition: 0, timestampType: 'CREATE_TIME' }
    const timestamp = expect.any(Number)
    expect(events).toEqual([
      {
        eventSource: 'aws:kafka',
        ...source,
        records: {
          [`${topic}-0`]: [
            {
              ...common,
              timestamp,
              offset: 0,
              key: Buffer.from('crs_1').toString('base64'),
              value: Buffer.from('{"é":1}').toString('base64'),
              headers: [{ traceparent: [...Buffer.from('00-ab')] }, { raw: [0, 127, 128, 255] }],
            },
            { ...common, timestamp, offset: 1, value: btoa('unkeyed'), headers: [] },
            { ...common, timestamp, offset: 2, key: btoa('tombstone'), value: null, headers: [] },
          ],
        },
      },
    ])
  })

  it('keeps to the batch size, in order, and never starts a partition’s next batch before the last settled', async () => {
    const topic = await newTopic(1)
    await send(
      topic,
      Array.from({ length: 25 }, () => ({})),
    )
    let inFlight = 0
    let inFlightMax = 0
    const { events, settled } = start(mappingOf(topic, { batchSizeMax: 10 }), async () => {
      inFlight += 1
      inFlightMax = Math.max(inFlightMax, inFlight)
      await new Promise((resolve) => setImmediate(resolve))
      inFlight -= 1
      return {}
    })
    await settled()
    expect(offsetsOf(events)).toEqual([
      '0:0,1,2,3,4,5,6,7,8,9',
      '0:10,11,12,13,14,15,16,17,18,19',
      '0:20,21,22,23,24',
    ])
    expect(inFlightMax).toBe(1)
  })

  it('cuts a batch that would be larger than a payload', async () => {
    const topic = await newTopic(1)
    const value = 'x'.repeat(900_000)
    await send(
      topic,
      Array.from({ length: 12 }, () => ({ value })),
    )
    const sizes: number[] = []
    const { events, settled } = start(mappingOf(topic), (event) => {
      sizes.push(JSON.stringify(event).length)
      return {}
    })
    await settled()
    expect(events.length).toBeGreaterThan(2)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(PAYLOAD_BYTES_MAX + 1_024)
    expect(offsetsOf(events).join(',').replaceAll('0:', '').split(',').map(Number)).toEqual(
      Array.from({ length: 12 }, (_, index) => index),
    )
  })

  it('gathers the partitions of one window into one invocation', async () => {
    const topic = await newTopic(3)
    const keys = await keysByPartition(topic, 3)
    const { events, settled } = start(mappingOf(topic, { windowMs: 300 }))
    await settled()
    expect(Object.keys(events[0]?.records ?? {})).toHaveLength(3)
    const before = events.length
    await send(
      topic,
      [...keys.values()].map((key) => ({ key })),
    )
    await settled()
    expect(events.slice(before)).toHaveLength(1)
  })

  it('sends a full batch without waiting for the window', async () => {
    const topic = await newTopic(1)
    await send(topic, [{}, {}])
    const { settled } = start(mappingOf(topic, { batchSizeMax: 2, windowMs: 60_000 }))
    await settled()
  })

  it('repeats the whole batch after a function error and after a throttle, without end', async () => {
    const topic = await newTopic(1)
    await send(topic, [{}, {}])
    const { events, errors, settled } = start(mappingOf(topic), (_event, call) => {
      if (call === 1) return { functionError: 'Unhandled', payload: { errorMessage: 'no' } }
      if (call === 2) throw new Error('TooManyRequestsException')
      if (call < 6) return { functionError: 'Unhandled' }
      return {}
    })
    await settled()
    expect(offsetsOf(events)).toEqual(Array(6).fill('0:0,1'))
    expect(errors).toHaveLength(5)
    expect(String(errors[0])).toContain('courseBus failed')
  })

  it('repeats only the named partition, from the named offset, after a partial failure', async () => {
    const topic = await newTopic(2)
    const keys = await keysByPartition(topic, 2)
    const filled = [...keys.values()].flatMap((key) => Array(5).fill({ key }))
    await send(topic, filled)
    const failing = `${topic}-1`
    const taken = new Map<string, number[]>()
    let failedAt: number | undefined
    const { settled } = start(
      mappingOf(topic, { windowMs: 200, reportsItemFailures: true }),
      (event) => {
        for (const [key, records] of Object.entries(event.records))
          taken.set(key, [...(taken.get(key) ?? []), ...records.map(({ offset }) => offset)])
        const third = event.records[failing]?.[2]
        if (failedAt !== undefined || !third) return { payload: { batchItemFailures: [] } }
        failedAt = third.offset
        const identifiers = [third.offset + 1, third.offset].map((offset) => ({
          itemIdentifier: { partition: failing, offset },
        }))
        return { payload: { batchItemFailures: identifiers } }
      },
    )
    await settled()
    const whole = taken.get(`${topic}-0`) ?? []
    expect(whole).toEqual(whole.map((_, index) => index))
    const repeated = taken.get(failing) ?? []
    const end = Math.max(...repeated)
    const range = (from: number) => Array.from({ length: end + 1 - from }, (_, i) => from + i)
    expect(repeated).toEqual([...range(0), ...range(failedAt ?? -1)])
  })

  it.each<[string, unknown]>([
    ['names an unknown partition', { partition: 'elsewhere-0', offset: 0 }],
    ['names an unknown offset', { partition: undefined, offset: 99 }],
    ['names a string, as queues do', 'topic-0'],
    ['names null', null],
  ])('repeats the whole batch when the answer %s', async (_, identifier) => {
    const topic = await newTopic(1)
    await send(topic, [{}, {}])
    const itemIdentifier =
      identifier && typeof identifier === 'object'
        ? { ...identifier, partition: Object(identifier).partition ?? `${topic}-0` }
        : identifier
    const { events, settled } = start(
      mappingOf(topic, { reportsItemFailures: true }),
      (_event, call) =>
        call === 1 ? { payload: { batchItemFailures: [{ itemIdentifier }] } } : { payload: null },
    )
    await settled()
    expect(offsetsOf(events)).toEqual(['0:0,1', '0:0,1'])
  })

  it('does not read the answer of a mapping that does not report item failures', async () => {
    const topic = await newTopic(1)
    await send(topic, [{}, {}])
    const { events, settled } = start(mappingOf(topic), () => ({
      payload: {
        batchItemFailures: [{ itemIdentifier: { partition: `${topic}-0`, offset: 0 } }],
      },
    }))
    await settled()
    expect(events).toHaveLength(1)
  })

  it('delivers again what was taken but not committed when the hub stopped', async () => {
    const topic = await newTopic(1)
    await send(topic, [{}])
    const mapping = mappingOf(topic)
    const first = start(mapping, () => new Promise(() => {}))
    await eventually(() => expect(first.events).toHaveLength(1))
    await first.mappings.close()
    const second = start(mapping)
    await second.settled()
    expect(offsetsOf(second.events)).toEqual(['0:0'])
  })

  it('closes at once while a window is still open', async () => {
    const topic = await newTopic(1)
    await send(topic, [{}])
    const { mappings, events } = start(mappingOf(topic, { windowMs: 60_000 }))
    await eventually(async () => {
      const [row] = await database.query('select 1 from event_log.position where topic = $1', [
        topic,
      ])
      expect(row).toBeDefined()
    })
    const from = performance.now()
    await mappings.close()
    expect(performance.now() - from).toBeLessThan(2_000)
    expect(events).toHaveLength(0)
  })

  it('begins at the end with LATEST, and does nothing while disabled', async () => {
    const topic = await newTopic(1)
    await send(topic, [{}])
    const disabled = start(mappingOf(topic, { enabled: false }))
    const latest = start(mappingOf(topic, { startingPosition: 'LATEST' }))
    await latest.settled()
    await send(topic, [{}])
    await latest.settled()
    await eventually(() => expect(offsetsOf(latest.events)).toEqual(['0:1']))
    expect(disabled.events).toHaveLength(0)
    expect(await disabled.mappings.lag()).toEqual([])
  })

  it('shows the lag of a function that fails', async () => {
    const topic = await newTopic(1)
    await send(topic, [{}, {}, {}])
    const { lag, errors } = start(mappingOf(topic), () => ({ functionError: 'Unhandled' }))
    await eventually(() => expect(errors.length).toBeGreaterThan(1))
    expect(await lag()).toEqual([3])
  })

  it('refuses two mappings of one group', async () => {
    const topics = [await newTopic(1), await newTopic(1)]
    const mappings = topics.map((topic) => mappingOf(topic, { consumerGroupId: 'hub.shared' }))
    expect(() =>
      startEventSourceMappings({
        ...{ mappings, bus, onError: () => {} },
        invoke: async () => ({ payload: 'null' }),
      }),
    ).toThrow(`courseBus reads ${topics[1]} in a group of another: hub.shared`)
  })

  it('feeds two mappings of one function, each with its own topic', async () => {
    const topics = [await newTopic(2), await newTopic(2)]
    const seen: string[] = []
    const mappings = startEventSourceMappings({
      bus,
      onError: () => {},
      mappings: topics.map((topic) => mappingOf(topic)),
      invoke: async (_name, text) => {
        const event: MSKEvent = JSON.parse(text)
        for (const records of Object.values(event.records))
          for (const record of records) seen.push(record.topic)
        return { payload: 'null' }
      },
    })
    running.push(mappings)
    for (const topic of topics) await send(topic, [{}, {}])
    await eventually(() =>
      expect([...seen].sort()).toEqual(topics.flatMap((topic) => [topic, topic]).sort()),
    )
    expect((await mappings.lag()).map(({ partitions }) => partitions.length)).toEqual([2, 2])
  })
})

describe('toMapping', () => {
  const template: EventSourceMapping = {
    logicalId: 'CourseBusEventSourceMapping',
    functionName: 'courseBus',
    eventSourceArn: 'arn:aws:kafka:x',
    topic: 'hub.enrollment.v1',
    batchSizeMax: 100,
    windowSeconds: 0.5,
    consumerGroupId: 'hub.course.enrollment',
    startingPosition: 'TRIM_HORIZON',
    startingTimestampSeconds: undefined,
    enabled: true,
    functionResponseTypes: ['ReportBatchItemFailures'],
    filterPatterns: [],
    retryAttemptsMax: -1,
    recordAgeSecondsMax: -1,
    bisectBatchOnError: false,
    onFailureDestinationArn: undefined,
    pollers: undefined,
  }

  it('takes over what the template says', () => {
    expect(toMapping(template)).toMatchObject({ windowMs: 500, reportsItemFailures: true })
  })

  it('refuses what would behave otherwise on AWS', () => {
    expect(() => toMapping({ ...template, filterPatterns: ['{}'], retryAttemptsMax: 3 })).toThrow(
      'FilterCriteria, MaximumRetryAttempts',
    )
  })
})
