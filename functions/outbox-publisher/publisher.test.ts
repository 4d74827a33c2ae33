import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { ensureEventLog } from '../../shared/bus/embedded/ensure.ts'
import { type EmbeddedBus, openEmbeddedBus } from '../../shared/bus/embedded.ts'
import { type Bus, BusUnavailableError } from '../../shared/bus/port.ts'
import { migrate } from '../../shared/db/migrate.ts'
import { schemaOf } from '../../shared/db/names.ts'
import { transaction } from '../../shared/db/transaction.ts'
import { deadLetterTopicOf, topicOf } from '../../shared/events/topics.ts'
import { systemClock } from '../../shared/kernel/time.ts'
import { silentLog } from '../../shared/observe/logger.ts'
import { continueTrace } from '../../shared/observe/trace.ts'
import { appendToStream } from '../../shared/outbox/write.ts'
import { ROLE_PASSWORD, useDatabase } from '../../tests/support/database.ts'
import { createPublisher, openOutboxes } from './publisher.ts'

const SERVICES = ['first-service', 'second-service'] as const

describe('the outbox publisher', () => {
  const database = useDatabase()
  const closing: (() => Promise<void>)[] = []
  let eventLogUrl: string
  let bus: EmbeddedBus

  beforeAll(async () => {
    await migrate({
      databaseUrl: database.url,
      rolePassword: ROLE_PASSWORD,
      services: SERVICES.map((name) => ({ name, migrationsDir: undefined })),
    })
    eventLogUrl = await ensureEventLog({
      databaseUrl: database.url,
      rolePassword: ROLE_PASSWORD,
    })
    bus = openEmbeddedBus({ url: eventLogUrl, log: silentLog })
    closing.push(() => bus.close())
    await bus.ensureTopics(
      SERVICES.flatMap((name) => [topicOf(name), deadLetterTopicOf(name)]),
      { partitions: 1 },
    )
  })
  afterAll(async () => {
    for (const close of closing) await close()
  })
  beforeEach(async () => {
    await database.query('truncate event_log.record')
    for (const name of SERVICES)
      await database.query(`truncate ${schemaOf(name)}.outbox, ${schemaOf(name)}.outbox_stream`)
  })

  /** What has been measured, by name: the sum of all values. */
  const recorded = () => {
    const sums: Record<string, number> = {}
    const addMetric = (name: string, _: unknown, value: number) => {
      sums[name] = (sums[name] ?? 0) + value
    }
    return { sums, metrics: { addMetric } }
  }
  const start = (
    options: Partial<Omit<Parameters<typeof createPublisher>[0], 'database' | 'log'>> = {},
  ) => {
    const outboxes = openOutboxes({
      DATABASE_URL: database.serviceUrl,
      DATABASE_PASSWORD: ROLE_PASSWORD,
    })
    closing.push(() => outboxes.close())
    return createPublisher({ database: outboxes, bus, log: silentLog, ...recorded(), ...options })
  }
  const write = (name: (typeof SERVICES)[number], topic: string) => {
    const context = {
      tenant: '*' as const,
      now: systemClock(),
      actorId: 'system',
      traceparent: continueTrace(undefined),
    }
    return transaction(database.as(name), context, async (tx) =>
      appendToStream(tx, { subject: 'thing', topic }, { type: 'thing.happened' }),
    )
  }
  const topics = async () =>
    (
      await database.query<{ topic: string }>('select topic from event_log.record order by topic')
    ).map(({ topic }) => topic)

  it('publishes the outbox that a nudge names, and no other', async () => {
    for (const name of SERVICES) await write(name, topicOf(name))
    expect(await start().publish({ service: 'second-service' })).toMatchObject({ events: 1 })
    expect(await topics()).toEqual(['hub.second-service.v1'])
  })

  it('publishes every outbox when the schedule calls, dead letters included', async () => {
    await write('first-service', topicOf('first-service'))
    await write('second-service', deadLetterTopicOf('second-service'))
    expect(await start().publish({ 'detail-type': 'Scheduled Event' })).toMatchObject({ events: 2 })
    expect(await topics()).toEqual(['hub.first-service.v1', 'hub.second-service.dlq'])
  })

  it('refuses a nudge that names no service', async () => {
    await expect(start().publish({ service: 'x; drop schema course' })).rejects.toThrow()
    await expect(start().publish({ service: 'absent' })).rejects.toThrow('were not published')
  })

  it('gives the other outboxes their turn when one is broken', async () => {
    for (const name of SERVICES) await write(name, topicOf(name))
    await database.query('alter table first_service.outbox rename to outbox_gone')
    try {
      await expect(start().publish({})).rejects.toThrow('some outboxes were not published')
    } finally {
      await database.query('alter table first_service.outbox_gone rename to outbox')
    }
    expect(await topics()).toEqual(['hub.second-service.v1'])
  })

  it('gives up at once when the log is away, and finds everything when it is back', async () => {
    for (const name of SERVICES) await write(name, topicOf(name))
    let sends = 0
    const away: Pick<Bus, 'send'> = {
      send: async () => {
        sends += 1
        throw new BusUnavailableError('away')
      },
    }
    await expect(start({ bus: away }).publish({})).rejects.toThrow('away')
    expect(sends).toBe(1)
    expect(await start().publish({})).toMatchObject({ events: 2 })
  })

  it('counts an event when it has left the outbox, and not when a send was for nothing', async () => {
    for (const name of SERVICES) await write(name, topicOf(name))
    await write('first-service', deadLetterTopicOf('first-service'))
    const { sums, metrics } = recorded()
    // The log takes what goes to one topic and then is away: that much is settled, and counted.
    let sends = 0
    const failing: Pick<Bus, 'send'> = {
      send: async (records) => {
        sends += 1
        if (sends > 1) throw new BusUnavailableError('away')
        return bus.send(records)
      },
    }
    await expect(start({ bus: failing, metrics }).publish({})).rejects.toThrow('away')
    expect(sums.EventsPublished).toBe(1)
    await start({ metrics }).publish({})
    expect(sums.EventsPublished).toBe(3)
    expect(await topics()).toHaveLength(3)
  })

  it('tells with each tick how long the oldest event of all outboxes has been waiting', async () => {
    const waitAt = async (event: Record<string, unknown>, bus_: Pick<Bus, 'send'> = bus) => {
      const { sums, metrics } = recorded()
      await start({ metrics, bus: bus_ })
        .publish(event)
        .catch(() => {})
      return sums.OutboxOldestWait
    }
    expect(await waitAt({})).toBe(0)
    for (const name of SERVICES) await write(name, topicOf(name))
    await database.query(
      `update second_service.outbox set created_at = now() - interval '10 minutes'`,
    )
    const away = { send: () => Promise.reject(new BusUnavailableError('away')) }
    expect(await waitAt({}, away)).toBeCloseTo(600, -1)
    expect(await waitAt({ service: 'first-service' })).toBeUndefined()
    expect(await waitAt({})).toBeCloseTo(600, -1)
    expect(await waitAt({})).toBe(0)
  })

  it('works as a Lambda with nothing but its environment', async () => {
    await write('first-service', topicOf('first-service'))
    await database.query(
      `insert into first_service.inbox values ('me', 'long ago', now() - interval '1 year')`,
    )
    const environment = {
      DATABASE_URL: database.serviceUrl,
      DATABASE_PASSWORD: ROLE_PASSWORD,
      EVENT_LOG_URL: eventLogUrl,
    }
    expect(await invoke({ service: 'first-service' }, environment)).toContain(
      '{"events":1,"batches":1}',
    )
    expect(await topics()).toEqual(['hub.first-service.v1'])
    expect(await invoke({ job: 'sweep' }, environment)).toContain('{"rows":1}')
    const metric = '"OutboxOldestWait":0'
    expect(await invoke({ 'detail-type': 'Scheduled Event' }, environment)).toContain(metric)
    expect(await invoke({ service: 'first-service' }, environment)).not.toContain(metric)
  })
})

/** Runs lambda.ts in a process of its own, as the sandbox does; its output ends with the function's answer. */
const invoke = async (event: unknown, environment: Readonly<Record<string, string>>) => {
  const program = `
    const { publish } = await import(${JSON.stringify(new URL('lambda.ts', import.meta.url))})
    const context = { functionName: 'outboxPublisher', awsRequestId: '1' }
    console.log(JSON.stringify(await publish(${JSON.stringify(event)}, context)))
    process.exit(0)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: { PATH: process.env.PATH, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return text(child.stdout)
}
