import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import { useDatabase } from '../../tests/support/database.ts'
import { eventually } from '../../tests/support/eventually.ts'
import { silentLog } from '../observe/logger.ts'
import { ensureEventLog } from './embedded/ensure.ts'
import type { MemberProcess } from './fixtures/member-process.ts'
import { type BusConfig, busSchema, openBus } from './open.ts'
import {
  type Bus,
  type LogRecord,
  type OutboundRecord,
  RECORD_BYTES_MAX,
  RecordTooLargeError,
  type Subscription,
  UnknownTopicError,
} from './port.ts'

const PARTITIONS = 4
/** Joining a group on a broker takes seconds, and a session has to run out in some tests. */
const WITHIN = { timeoutMs: 25_000 }
const TEST_TIMEOUT_MS = 60_000

// One suite for both drivers: what a consumer may rely on does not depend on the engine. Every test has topics and
// groups of its own, so that tests cannot meet in the log.
function conforms(configure: () => Promise<BusConfig>, sessionTimeoutMs: number) {
  let config: BusConfig
  let bus: Bus
  const opened: Bus[] = []
  const children: ChildProcess[] = []
  const open = async () => {
    const another = await openBus(config, { log: silentLog })
    opened.push(another)
    return another
  }
  beforeAll(async () => {
    config = await configure()
    bus = await openBus(config, { log: silentLog })
  }, TEST_TIMEOUT_MS)
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
    await Promise.all(opened.splice(0).map((each) => each.close()))
  }, TEST_TIMEOUT_MS)
  afterAll(() => bus.close(), TEST_TIMEOUT_MS)

  const newTopic = async (partitions = PARTITIONS) => {
    const topic = `test.${randomUUID()}`
    await bus.ensureTopics([topic], { partitions })
    return topic
  }
  const newGroup = () => `group-${randomUUID()}`

  /** Subscribes and keeps what arrives, in order of arrival. */
  const collect = async (
    options: { topic: string } & Partial<Omit<Subscription, 'topics'>>,
    onBus?: Bus,
  ) => {
    const seen: LogRecord[] = []
    const batchSizes: number[] = []
    const { topic, handler, ...rest } = options
    const consumer = (onBus ?? (await open())).consume({
      group: newGroup(),
      fromBeginning: true,
      sessionTimeoutMs,
      retryDelayMsMax: 200,
      ...rest,
      topics: [topic],
      handler: async (batch) => {
        batchSizes.push(batch.records.length)
        const resume = await handler?.(batch)
        seen.push(
          ...batch.records.filter(({ offset }) => offset < (resume?.resumeAtOffset ?? Infinity)),
        )
        return resume
      },
    })
    return { seen, batchSizes, consumer }
  }

  const numbered = (topic: string, key: string, from: number, count: number): OutboundRecord[] =>
    Array.from({ length: count }, (_, index) => ({ topic, key, value: `${key}:${from + index}` }))

  it(
    'keeps the order of every key, and offsets without gaps, with several producers at once',
    async () => {
      const topic = await newTopic()
      const producers = await Promise.all([open(), open(), open()])
      await Promise.all(
        producers.map(async (producer, index) => {
          for (let from = 0; from < 100; from += 10)
            await producer.send(
              ['a', 'b', 'c'].flatMap((key) => numbered(topic, `${key}${index}`, from, 10)),
            )
        }),
      )
      const { seen } = await collect({ topic })
      await eventually(() => expect(seen).toHaveLength(900), WITHIN)
      for (const [key, values] of valuesByKey(seen))
        expect(values).toEqual(numbered(topic, key, 0, 100).map(({ value }) => value))
      for (const records of Map.groupBy(seen, ({ partition }) => partition).values())
        expect(records.map(({ offset }) => offset)).toEqual(records.map((_, index) => index))
    },
    TEST_TIMEOUT_MS,
  )

  it(
    'delivers a batch again after a throw, while other partitions go on',
    async () => {
      const topic = await newTopic()
      await bus.send(['a', 'b', 'c', 'd', 'e', 'f', 'g'].flatMap((k) => numbered(topic, k, 0, 3)))
      let isBroken = true
      let failed = 0
      const { seen } = await collect({
        topic,
        handler: async ({ records }) => {
          if (isBroken && records.some(({ key }) => key?.toString() === 'a')) {
            failed += 1
            throw new Error('the reaction failed')
          }
          return undefined
        },
      })
      const partitionOfA = async () => {
        await eventually(() => expect(failed).toBeGreaterThan(2), WITHIN)
        await eventually(() => expect(seen.length).toBeGreaterThanOrEqual(3), WITHIN)
        expect(valuesByKey(seen).has('a')).toBe(false)
      }
      await partitionOfA()
      isBroken = false
      await eventually(() => expect(seen).toHaveLength(21), WITHIN)
      expect(valuesByKey(seen).get('a')).toEqual(['a:0', 'a:1', 'a:2'])
    },
    TEST_TIMEOUT_MS,
  )

  it(
    'delivers the rest again from the offset that a handler names',
    async () => {
      const topic = await newTopic(1)
      const group = newGroup()
      await bus.send(numbered(topic, 'a', 0, 10))
      const starts: number[] = []
      const { seen } = await collect({
        topic,
        group,
        handler: async ({ records }) => {
          const first = records[0]?.offset ?? 0
          starts.push(first)
          return first < 6 ? { resumeAtOffset: first + 3 } : undefined
        },
      })
      await eventually(() => expect(seen).toHaveLength(10), WITHIN)
      expect(starts).toEqual([0, 3, 6])
      expect(seen.map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
      await eventually(async () => expect(await totalLag(bus, group)).toBe(0), WITHIN)
    },
    TEST_TIMEOUT_MS,
  )

  it(
    'shares the partitions among members that come and go while records arrive',
    async () => {
      const topic = await newTopic()
      const group = newGroup()
      const keys = Array.from({ length: 12 }, (_, index) => `key${index}`)
      const seen: LogRecord[] = []
      const handler: Subscription['handler'] = async ({ records }) => {
        seen.push(...records)
        return undefined
      }
      let sent = 0
      let isProducing = true
      const producing = (async () => {
        while (isProducing) {
          await bus.send(keys.flatMap((key) => numbered(topic, key, sent, 1)))
          sent += 1
        }
      })()
      const first = await collect({ topic, group, handler })
      await eventually(() => expect(first.seen.length).toBeGreaterThan(0), WITHIN)
      const second = await collect({ topic, group, handler })
      const third = await collect({ topic, group, handler })
      await eventually(() => {
        expect(second.seen.length).toBeGreaterThan(0)
        expect(third.seen.length).toBeGreaterThan(0)
      }, WITHIN)
      await first.consumer.close()
      const handledByFirst = first.seen.length
      await second.consumer.close()
      isProducing = false
      await producing
      await eventually(async () => {
        expect(new Set(seen.map(placeOf)).size).toBe(sent * keys.length)
        expect(await totalLag(bus, group)).toBe(0)
      }, WITHIN)
      expect(first.seen).toHaveLength(handledByFirst)
      // At least once: a repeat is allowed, a gap or a swap is not.
      for (const [key, values] of valuesByKey(seen))
        expect([...new Set(values)]).toEqual(numbered(topic, key, 0, sent).map((r) => r.value))
    },
    TEST_TIMEOUT_MS,
  )

  it(
    'goes on at the committed offset after a restart, repeating nothing',
    async () => {
      const topic = await newTopic()
      const group = newGroup()
      const keys = ['a', 'b', 'c', 'd', 'e']
      await bus.send(keys.flatMap((key) => numbered(topic, key, 0, 20)))
      const before = await collect({ topic, group })
      await eventually(async () => {
        expect(before.seen).toHaveLength(100)
        expect(await totalLag(bus, group)).toBe(0)
      }, WITHIN)
      await before.consumer.close()
      await bus.send(keys.flatMap((key) => numbered(topic, key, 20, 20)))
      const after = await collect({ topic, group })
      await eventually(() => expect(after.seen).toHaveLength(100), WITHIN)
      expect(valuesByKey(after.seen).get('a')?.[0]).toBe('a:20')
    },
    TEST_TIMEOUT_MS,
  )

  it(
    'fences the late commit of a member that was frozen while another took over',
    async () => {
      const topic = await newTopic(1)
      const group = newGroup()
      await bus.send(numbered(topic, 'a', 0, 10))
      const zombie = startProcess({ config, group, topic, sessionTimeoutMs })
      children.push(zombie.child)
      await zombie.line('got 0,1,2,3,4')
      zombie.child.kill('SIGSTOP')
      const heir = await collect({ topic, group })
      await eventually(async () => {
        expect(heir.seen).toHaveLength(10)
        expect(await totalLag(bus, group)).toBe(0)
      }, WITHIN)
      zombie.child.kill('SIGCONT')
      zombie.child.stdin?.write('go\n')
      await zombie.line('settled')
      // Its commit of offset 5 must not have taken the group back.
      expect(await totalLag(bus, group)).toBe(0)
      zombie.child.kill('SIGKILL')
      await heir.consumer.close()
      const successor = await collect({ topic, group })
      await bus.send(numbered(topic, 'a', 10, 1))
      await eventually(() => expect(successor.seen.at(-1)?.value?.toString()).toBe('a:10'), WITHIN)
      expect(successor.seen.map(({ offset }) => offset)).toEqual([10])
    },
    TEST_TIMEOUT_MS,
  )

  it(
    'carries tombstones, missing keys and every byte of values and headers',
    async () => {
      const topic = await newTopic(1)
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index))
      await bus.send([
        { topic, key: 'tombstone', value: null },
        { topic, key: null, value: 'no key' },
        { topic, key: bytes, value: bytes },
        { topic, key: 'empty', value: '' },
        {
          topic,
          key: 'headers',
          value: 'x',
          headers: [
            ['raw', bytes],
            ['traceparent', Buffer.from('00-a')],
            ['raw', Buffer.alloc(0)],
          ],
        },
      ])
      const { seen } = await collect({ topic })
      await eventually(() => expect(seen).toHaveLength(5), WITHIN)
      const [tombstone, keyless, binary, empty, headers] = seen
      expect(tombstone?.value).toBeNull()
      expect(keyless?.key).toBeNull()
      expect(binary?.key).toEqual(bytes)
      expect(binary?.value).toEqual(bytes)
      expect(empty?.value).toEqual(Buffer.alloc(0))
      expect(headers?.headers.filter(([name]) => name === 'raw').map(([, v]) => v)).toEqual([
        bytes,
        Buffer.alloc(0),
      ])
      expect(headers?.headers.find(([name]) => name === 'traceparent')?.[1].toString()).toBe('00-a')
      expect(Math.abs((tombstone?.timestamp ?? 0) - Date.now())).toBeLessThan(60_000)
    },
    TEST_TIMEOUT_MS,
  )

  it(
    'takes what is larger than one request, and hands it out in batches of the asked size',
    async () => {
      const topic = await newTopic()
      const padding = 'x'.repeat(1_000)
      const count = 5_000
      await bus.send(
        Array.from({ length: count }, (_, index) => ({
          topic,
          key: `key${index % 7}`,
          value: `${String(index).padStart(5, '0')}${padding}`,
        })),
      )
      const { seen, batchSizes } = await collect({ topic, batchSizeMax: 128 })
      await eventually(() => expect(seen).toHaveLength(count), WITHIN)
      expect(Math.max(...batchSizes)).toBeLessThanOrEqual(128)
      for (const [, values] of valuesByKey(seen)) expect(values).toEqual([...values].sort())
    },
    TEST_TIMEOUT_MS,
  )

  it(
    'refuses a record that fits in no request, and sends nothing of that call',
    async () => {
      const topic = await newTopic(1)
      const huge = { topic, key: 'a', value: 'x'.repeat(RECORD_BYTES_MAX) }
      await expect(
        (async () => bus.send([...numbered(topic, 'a', 0, 1), huge]))(),
      ).rejects.toBeInstanceOf(RecordTooLargeError)
      await bus.send([{ topic, key: 'a', value: 'x'.repeat(RECORD_BYTES_MAX - 1) }])
      const { seen } = await collect({ topic })
      await eventually(() => expect(seen).toHaveLength(1), WITHIN)
      expect(seen[0]?.value).toHaveLength(RECORD_BYTES_MAX - 1)
    },
    TEST_TIMEOUT_MS,
  )

  it(
    'says so when a topic does not exist',
    async () => {
      await expect(
        bus.send([{ topic: `absent.${randomUUID()}`, key: 'a', value: 'x' }]),
      ).rejects.toBeInstanceOf(UnknownTopicError)
    },
    TEST_TIMEOUT_MS,
  )

  it(
    'gives every group everything, and a group that begins at the end only what comes later',
    async () => {
      const topic = await newTopic(1)
      await bus.send(numbered(topic, 'a', 0, 3))
      const late = await collect({ topic, fromBeginning: false })
      const one = await collect({ topic })
      const two = await collect({ topic })
      await eventually(() => {
        expect(one.seen).toHaveLength(3)
        expect(two.seen).toHaveLength(3)
      }, WITHIN)
      // Until the late group has joined, "the end" is not fixed: send until it hears something.
      let sent = 3
      await eventually(async () => {
        await bus.send(numbered(topic, 'a', sent, 1))
        sent += 1
        expect(late.seen.length).toBeGreaterThan(0)
      }, WITHIN)
      expect(late.seen[0]?.offset).toBeGreaterThanOrEqual(3)
    },
    TEST_TIMEOUT_MS,
  )

  it(
    'begins at the end once: what comes while nobody of the group is there is not skipped',
    async () => {
      const topic = await newTopic()
      const group = newGroup()
      await bus.send(numbered(topic, 'a', 0, 3))
      const first = await collect({ topic, group, fromBeginning: false })
      // Every partition, before the group has heard anything.
      await eventually(async () => {
        expect(await bus.lag(group)).toHaveLength(PARTITIONS)
        expect(await totalLag(bus, group)).toBe(0)
      }, WITHIN)
      await first.consumer.close()
      await bus.send(numbered(topic, 'a', 3, 3))
      const second = await collect({ topic, group, fromBeginning: false })
      await eventually(() => expect(second.seen).toHaveLength(3), WITHIN)
      expect(second.seen.map(({ value }) => String(value))).toEqual(['a:3', 'a:4', 'a:5'])
      expect(first.seen).toEqual([])
    },
    TEST_TIMEOUT_MS,
  )

  it(
    'hands each member of a group the topics that it subscribes, and no other',
    async () => {
      const group = newGroup()
      const [one, other] = [await newTopic(), await newTopic()]
      const keys = Array.from({ length: 12 }, (_, index) => `key${index}`)
      await bus.send([one, other].flatMap((topic) => keys.flatMap((k) => numbered(topic, k, 0, 2))))
      // As one service's event-source mappings are: a member for each topic, all of one group.
      const ofOne = await collect({ topic: one, group })
      const ofOther = await collect({ topic: other, group })
      const alsoOfOther = await collect({ topic: other, group })
      await eventually(async () => {
        expect(ofOne.seen.length).toBeGreaterThanOrEqual(24)
        expect(ofOther.seen.length + alsoOfOther.seen.length).toBeGreaterThanOrEqual(24)
        expect(await totalLag(bus, group)).toBe(0)
      }, WITHIN)
      expect(new Set(ofOne.seen.map(({ topic }) => topic))).toEqual(new Set([one]))
      const seenOfOther = [...ofOther.seen, ...alsoOfOther.seen]
      expect(new Set(seenOfOther.map(({ topic }) => topic))).toEqual(new Set([other]))
      expect(new Set(seenOfOther.map(placeOf)).size).toBe(24)
    },
    TEST_TIMEOUT_MS,
  )

  it(
    'says how far a group is behind',
    async () => {
      const topic = await newTopic(1)
      const group = newGroup()
      await bus.send(numbered(topic, 'a', 0, 5))
      let isOpen = true
      const { seen } = await collect({
        topic,
        group,
        batchSizeMax: 5,
        handler: async () => {
          if (!isOpen) throw new Error('closed for now')
          return undefined
        },
      })
      await eventually(async () => {
        expect(seen).toHaveLength(5)
        expect(await totalLag(bus, group)).toBe(0)
      }, WITHIN)
      isOpen = false
      await bus.send(numbered(topic, 'a', 5, 7))
      await eventually(
        async () =>
          expect(await bus.lag(group)).toEqual([
            { topic, partition: 0, committedOffset: 5, endOffset: 12, lag: 7 },
          ]),
        WITHIN,
      )
    },
    TEST_TIMEOUT_MS,
  )

  it(
    'closes within seconds though a handler never ends, and leaves its batch to the next member',
    async () => {
      const topic = await newTopic(1)
      const group = newGroup()
      await bus.send(numbered(topic, 'a', 0, 2))
      let isStuck = false
      const stuck = await collect({
        topic,
        group,
        handler: () => {
          isStuck = true
          return new Promise(() => {})
        },
      })
      await eventually(() => expect(isStuck).toBe(true), WITHIN)
      const from = performance.now()
      await stuck.consumer.close()
      expect(performance.now() - from).toBeLessThan(15_000)
      const next = await collect({ topic, group })
      await eventually(() => expect(next.seen).toHaveLength(2), WITHIN)
    },
    TEST_TIMEOUT_MS,
  )
}

const valuesByKey = (records: readonly LogRecord[]): Map<string, string[]> =>
  new Map(
    [...Map.groupBy(records, ({ key }) => String(key))].map(([key, group]) => [
      key,
      group.map(({ value }) => String(value)),
    ]),
  )

const placeOf = ({ partition, offset }: LogRecord) => `${partition}-${offset}`

const totalLag = async (bus: Bus, group: string): Promise<number> => {
  const lags = await bus.lag(group)
  expect(lags.length).toBeGreaterThan(0)
  return lags.reduce((sum, { lag }) => sum + lag, 0)
}

const startProcess = (options: MemberProcess) => {
  const program = fileURLToPath(new URL('fixtures/member-process.ts', import.meta.url))
  const child = spawn(process.execPath, [program, JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  return {
    child,
    line: (wanted: string) => eventually(() => expect(lines).toContain(wanted), WITHIN),
  }
}

describe('the embedded log', () => {
  const database = useDatabase()
  conforms(async () => {
    const url = await ensureEventLog({ databaseUrl: database.url, rolePassword: 'hub-test' })
    return busSchema.parse({ EVENT_LOG_URL: url })
  }, 1_500)
})

const kafkaBrokers = process.env.KAFKA_BROKERS
const describeKafka = kafkaBrokers ? describe : describe.skip
describeKafka('Kafka', () => {
  // The whole environment: a cluster may want TLS and a sign-in. A broker refuses shorter sessions by default.
  conforms(async () => busSchema.parse({ ...process.env, EVENT_LOG_URL: undefined }), 6_000)
})
