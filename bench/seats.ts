import pg from 'pg'
import { routes } from '../functions/enrollment/routes.ts'
import { enrollments } from '../functions/enrollment/store.ts'
import type { Database } from '../shared/db/open.ts'
import { type Tx, transaction } from '../shared/db/transaction.ts'
import { toCaller } from '../shared/http/caller.ts'
import { DomainError } from '../shared/kernel/errors.ts'
import { type CourseId, newId } from '../shared/kernel/id.ts'
import { systemClock } from '../shared/kernel/time.ts'
import { continueTrace } from '../shared/observe/trace.ts'
import { courseRefs } from '../shared/projection/course-refs.ts'

import type { Bench, Running, Sample } from './harness/bench.ts'
import { type BenchDatabase, startDatabase } from './harness/database.ts'
import { percentile } from './harness/loop.ts'
import { aLearner } from './harness/people.ts'
import { shared } from './harness/shared.ts'

const CLAIMS = 5_000
const SEATS = 100
const CONNECTIONS = 32
const SERVICE = 'enrollment'

const sharedDatabase = shared(() => startDatabase([SERVICE]))

const organizationId = newId('organization')
const versionId = newId('courseVersion')

const remembered = (courseId: CourseId) => ({
  ...{ courseId, organizationId, title: 'Film', visibility: 'public' as const },
  ...{ instructorIds: [], publishedVersionId: versionId },
})

/** What the course service answers of a published course; asking it is the same for whoever claims. */
const courseOf = (courseId: CourseId) => ({
  ...remembered(courseId),
  ...{ slug: 'film', summary: '', language: 'en', state: 'published' as const },
  ...{ categoryIds: [], prerequisiteIds: [], publishedAt: null },
})

const startHub = async (): Promise<Running> => {
  const bench = await sharedDatabase()
  const database = bench.as(SERVICE, { connectionsMax: CONNECTIONS })
  return {
    round: async () => {
      const courseId = newId('course')
      await inTransaction(database, async (tx) => {
        // As `course.published` has told it.
        await courseRefs(tx).put({ ...remembered(courseId), sequence: 1 })
        const offering = await enrollments(tx).lockOffering({ courseId, organizationId })
        await enrollments(tx).saveSettings(courseId, { ...offering, capacity: SEATS })
      })
      const sample = await race(() => claim(database, courseId))
      await expectWinners(
        bench,
        `select count(*) from enrollment.enrollments
        where course_id = '${courseId}' and ended_at is null`,
      )
      return sample
    },
    stop: bench.stop,
  }
}

/** The operation itself, in its transaction. @returns whether the place was given. */
const claim = async (database: Database, courseId: CourseId): Promise<boolean> => {
  const caller = toCaller(aLearner(organizationId))
  const deps = { course: { getCourse: async () => courseOf(courseId) } }
  const parts = { ...nothing, body: { courseId }, caller }
  try {
    await inTransaction(database, (tx) => routes.enrolSelf({ ...parts, now: tx.now, tx }, deps))
    return true
  } catch (error) {
    if (error instanceof DomainError && error.code === 'enrollment.full') return false
    throw error
  }
}

const nothing = {
  ...{ params: undefined, query: undefined, ifMatch: -1 },
  ...{ headers: new Headers(), reply: new Headers() },
}

const inTransaction = <Result>(
  database: Database,
  work: (tx: Tx) => Promise<Result>,
): Promise<Result> => {
  const context = { tenant: organizationId, actorId: 'system', now: systemClock() }
  return transaction(database, { ...context, traceparent: continueTrace(undefined) }, work)
}

const startForUpdate = async (): Promise<Running> => {
  const bench = await sharedDatabase()
  await bench.query(`
    create table if not exists public.course (course_id text primary key, capacity integer, taken integer);
    create table if not exists public.claim (claim_id text primary key, course_id text, account_id text,
      unique (course_id, account_id))`)
  const pool = new pg.Pool({ connectionString: bench.url, max: CONNECTIONS })
  pool.on('error', () => {})
  return {
    async round() {
      const courseId = newId('course')
      await bench.query('insert into public.course values ($1, $2, 0)', [courseId, SEATS])
      const sample = await race(() => claimForUpdate(pool, courseId))
      await expectWinners(
        bench,
        `select count(*) from public.claim where course_id = '${courseId}'`,
      )
      return sample
    },
    async stop() {
      await pool.end()
      await bench.stop()
    },
  }
}

const claimForUpdate = async (pool: pg.Pool, courseId: CourseId): Promise<boolean> => {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const { rows } = await client.query(
      'select capacity, taken from public.course where course_id = $1 for update',
      [courseId],
    )
    const isFree = rows[0].taken < rows[0].capacity
    if (isFree) {
      await client.query('update public.course set taken = taken + 1 where course_id = $1', [
        courseId,
      ])
      await client.query('insert into public.claim values ($1, $2, $3)', [
        newId('enrollment'),
        courseId,
        newId('account'),
      ])
    }
    await client.query('commit')
    return isFree
  } finally {
    client.release()
  }
}

/** All claims wait from the start; as many are under way as there are connections. */
const race = async (claimOne: () => Promise<boolean>): Promise<Sample> => {
  const startedAt = performance.now()
  const lost: number[] = []
  let begun = 0
  const client = async () => {
    while (begun < CLAIMS) {
      begun += 1
      const sentAt = performance.now()
      if (!(await claimOne())) lost.push(performance.now() - sentAt)
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, client))
  if (lost.length !== CLAIMS - SEATS)
    throw new Error(`${lost.length} of ${CLAIMS - SEATS} were told that they lost`)
  const seconds = (performance.now() - startedAt) / 1_000
  return { claimsPerSecond: CLAIMS / seconds, losersP99Ms: percentile(lost, 0.99) }
}

const expectWinners = async (bench: BenchDatabase, query: string): Promise<void> => {
  const [found] = await bench.query<{ count: string }>(query)
  if (Number(found?.count) !== SEATS) throw new Error(`${found?.count} of ${SEATS} seats are taken`)
}

const FOR_UPDATE = 'pg, SELECT FOR UPDATE'

export const seats: Bench = {
  name: 'seats',
  title: `${CLAIMS.toLocaleString('en')} claims for ${SEATS} places, against a bare SELECT FOR UPDATE.`,
  rounds: 3,
  contenders: [
    { name: 'hub', start: startHub },
    { name: FOR_UPDATE, start: startForUpdate },
  ],
  goals: [
    { metric: 'claimsPerSecond', against: FOR_UPDATE, atLeast: 10 },
    { metric: 'losersP99Ms', atMost: 100 },
  ],
  notes: [
    `Everybody claims at once and ${CONNECTIONS} claims are under way, one per connection. Exactly ${SEATS} rows and ${(CLAIMS - SEATS).toLocaleString('en')} refusals are counted, or the bench fails. PostgreSQL 15 waits for its disk at every commit.`,
    'Ours is the whole operation `enrolSelf` in its transaction, behind row-level security: the course as remembered, prerequisites, the standing enrolment, the place, the entitlement, the event. The course service answers from memory. The peer is two tables and a count, in the same number of connections.',
    'Ten times is what batches of claims give: one statement for up to a thousand of them was measured at 79 times. They need one process that sees many claims; a Lambda environment sees one at a time, so they could only live in a pod in front of the service. What is done here instead: nobody who comes to a full course waits for its lock.',
  ],
}
