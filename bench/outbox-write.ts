import { at } from '../shared/db/columns.ts'
import { type Tx, transaction } from '../shared/db/transaction.ts'
import { enrollmentEvents } from '../shared/events/enrollment.ts'
import { newId } from '../shared/kernel/id.ts'
import { systemClock, toIso } from '../shared/kernel/time.ts'
import { continueTrace } from '../shared/observe/trace.ts'
import { writeOutbox } from '../shared/outbox/write.ts'
import type { Bench, Running, Sample } from './harness/bench.ts'
import { startDatabase } from './harness/database.ts'
import { closedLoop } from './harness/loop.ts'
import { shared } from './harness/shared.ts'

const CLIENTS = 32
const ROUND_SECONDS = 4
const SERVICE = 'enrollment'

const sharedDatabase = shared(() => startDatabase([SERVICE]))

const fixture = { courseId: newId('course'), organizationId: newId('organization') }

const insertCompletion = async (tx: Tx): Promise<void> => {
  await tx
    .tables<{ completions: Record<string, unknown> }>()
    .insertInto('completions')
    .values({ ...fixture, accountId: newId('account'), completedAt: at(tx.now) })
    .execute()
}

const insertWithEvent = async (tx: Tx): Promise<void> => {
  await insertCompletion(tx)
  const ended = { type: 'enrollment.ended', reason: 'removed', endedAt: toIso(tx.now) } as const
  const ids = { enrollmentId: newId('enrollment'), accountId: newId('account') }
  await writeOutbox(tx, enrollmentEvents, [{ ...ended, ...ids, ...fixture }])
}

/** @param work what one transaction does. */
const startWriter = async (work: (tx: Tx) => Promise<void>, eventsPerWrite: number) => {
  const bench = await sharedDatabase()
  const database = bench.as(SERVICE, { connectionsMax: CLIENTS })
  const write = () => {
    const context = { tenant: fixture.organizationId, now: systemClock(), actorId: 'system' }
    return transaction(database, { ...context, traceparent: continueTrace(undefined) }, work)
  }
  const round = async (): Promise<Sample> => {
    const [client, server] = [process.cpuUsage(), bench.cpuSeconds()]
    const { done, perSecond } = await closedLoop({
      clients: CLIENTS,
      seconds: ROUND_SECONDS,
      work: write,
    })
    const { user, system } = process.cpuUsage(client)
    const serverMicroseconds = (bench.cpuSeconds() - server) * 1e6
    await expectEvents(bench, done * eventsPerWrite)
    return {
      writesPerSecond: perSecond,
      nodeMicroseconds: (user + system) / done,
      postgresMicroseconds: serverMicroseconds / done,
    }
  }
  return { round, stop: bench.stop } satisfies Running
}

/** Every write has its event, or the bench fails; then they are gone, as the publisher would have them. */
const expectEvents = async (bench: Awaited<ReturnType<typeof startDatabase>>, expected: number) => {
  const [found] = await bench.query<{ events: string }>(
    `select count(*) as events from ${SERVICE}.outbox`,
  )
  if (Number(found?.events) !== expected)
    throw new Error(`${expected} events were written, ${found?.events} are there`)
  await bench.query(`truncate ${SERVICE}.outbox, ${SERVICE}.outbox_stream, ${SERVICE}.completions`)
}

const INSERT_ALONE = 'the same transaction without the event'

export const outboxWrite: Bench = {
  name: 'outbox-write',
  title: 'One row and its event written in one transaction, against the row alone.',
  rounds: 7,
  contenders: [
    { name: 'hub', start: () => startWriter(insertWithEvent, 1) },
    { name: INSERT_ALONE, start: () => startWriter(insertCompletion, 0) },
  ],
  goals: [{ metric: 'writesPerSecond', against: INSERT_ALONE, atLeast: 0.95 }],
  notes: [
    `${CLIENTS} clients in one Node process, each write after the last (closed loop), against a PostgreSQL 15 on the same machine that waits for its disk at every commit; behind row-level security, with the tenant set in each transaction.`,
    'Every event is the first of an aggregate of its own, so its stream row is inserted as well. The nudge to the publisher is left out.',
    'The event travels with the commit and adds no request (decision 0015). What remains is PostgreSQL’s own work for two more rows and their indexes, about 250 us of its CPU by plans that the session keeps where the row alone costs 150 us, and the making of the envelope.',
  ],
}
