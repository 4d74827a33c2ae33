import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import fastify from 'fastify'
import pg from 'pg'
import { newId } from '../../shared/kernel/id.ts'
import type { Bench, Running, Sample } from '../harness/bench.ts'
import { type BenchDatabase, startDatabase } from '../harness/database.ts'
import { openLoop, type Target } from '../harness/load.ts'
import { shared } from '../harness/shared.ts'
import { copyAttempts, prepareQuiz } from './attempts.ts'
import { type Door, openDoor } from './door.ts'

const SUBMISSIONS = 10_000
const BURST_SECONDS = 2
const CONNECTIONS = 32
const SERVICE = 'assessment'

const sharedDatabase = shared(() => startDatabase([SERVICE]))

const startHub = async (): Promise<Running> => {
  const bench = await sharedDatabase()
  const database = bench.as(SERVICE, { connectionsMax: CONNECTIONS })
  const door = await openDoor(database)
  const { answered, learner } = await prepareQuiz(door)
  const server = createServer(listenerOf(door)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/assessments`
  return {
    async round() {
      const waiting = await copyAttempts(bench, { answered, count: SUBMISSIONS })
      await bench.query('truncate assessment.outbox, assessment.outbox_stream')
      door.setClock()
      const targets: Target[] = []
      for (const { attemptId, accountId } of waiting)
        targets.push({
          ...{ method: 'POST', url: `${base}/attempts/${attemptId}/submit`, body: '{}' },
          headers: await door.headersOf({ ...learner, accountId }),
        })
      const sample = await burst(targets)
      await expectOnce(
        bench,
        `select count(distinct aggregate_id) as "distinct", count(*) as "all"
        from assessment.outbox where envelope->>'type' = 'attempt.submitted'`,
      )
      return sample
    },
    async stop() {
      server.closeAllConnections()
      server.close()
      await bench.stop()
    },
  }
}

/** The door behind plain HTTP, in place of balancer and Lambda. */
const listenerOf = (door: Door): RequestListener => {
  const answer = async (incoming: IncomingMessage): Promise<{ status: number; body: string }> => {
    const body = await text(incoming)
    const headers = new Headers(incoming.headers as Record<string, string>)
    const url = `http://hub${incoming.url}`
    const response = await door.fetch(
      new Request(url, { method: incoming.method ?? 'POST', headers, body }),
    )
    return { status: response.status, body: await response.text() }
  }
  return (incoming, outgoing) => {
    answer(incoming).then(
      ({ status, body }) =>
        outgoing.writeHead(status, { 'content-type': 'application/json' }).end(body),
      () => outgoing.writeHead(500).end(),
    )
  }
}

const startFastify = async (): Promise<Running> => {
  const bench = await sharedDatabase()
  await bench.query(`create table if not exists public.submission
    (attempt_id text primary key, account_id text not null, submitted_at timestamptz not null)`)
  const pool = new pg.Pool({ connectionString: bench.url, max: CONNECTIONS })
  pool.on('error', () => {})
  const app = fastify()
  app.post<{ Params: { attemptId: string } }>('/attempts/:attemptId/submit', async (request) => {
    const { attemptId } = request.params
    const values = [attemptId, request.headers['x-account']]
    await pool.query('insert into public.submission values ($1, $2, now())', values)
    return { attemptId, state: 'submitted' }
  })
  const base = await app.listen({ host: '127.0.0.1', port: 0 })
  return {
    async round() {
      await bench.query('truncate public.submission')
      const sample = await burst(
        Array.from({ length: SUBMISSIONS }, () => ({
          ...{ method: 'POST', url: `${base}/attempts/${newId('attempt')}/submit`, body: '{}' },
          headers: { 'x-account': newId('account'), 'content-type': 'application/json' },
        })),
      )
      await expectOnce(
        bench,
        `select count(distinct attempt_id) as "distinct", count(*) as "all"
        from public.submission`,
      )
      return sample
    },
    async stop() {
      await app.close()
      await pool.end()
      await bench.stop()
    },
  }
}

const burst = async (targets: readonly Target[]): Promise<Sample> => {
  const cpu = process.cpuUsage()
  const requestsPerSecond = SUBMISSIONS / BURST_SECONDS
  const load = await openLoop({ targets, requestsPerSecond, seconds: BURST_SECONDS })
  const { user, system } = process.cpuUsage(cpu)
  if (load.statuses['200'] !== SUBMISSIONS)
    throw new Error(`not all were taken: ${JSON.stringify(load.statuses)}`)
  return {
    submissionsPerSecond: load.rps,
    ...{ p50Ms: load.p50Ms, p99Ms: load.p99Ms },
    nodeMicroseconds: (user + system) / SUBMISSIONS,
  }
}

/** None lost and none doubled, or the bench fails. */
const expectOnce = async (bench: BenchDatabase, query: string): Promise<void> => {
  const [found] = await bench.query<{ distinct: string; all: string }>(query)
  if (Number(found?.distinct) !== SUBMISSIONS || Number(found?.all) !== SUBMISSIONS)
    throw new Error(`of ${SUBMISSIONS} there are ${found?.distinct}, in ${found?.all} rows`)
}

const BARE = 'Fastify 5.12 and pg, one insert'

export const quizBurst: Bench = {
  name: 'quiz-burst',
  title: `${SUBMISSIONS.toLocaleString('en')} submissions that arrive within ${BURST_SECONDS} s, against one bare insert each.`,
  rounds: 3,
  contenders: [
    { name: 'hub', start: startHub },
    { name: BARE, start: startFastify },
  ],
  goals: [
    { metric: 'submissionsPerSecond', against: BARE, atLeast: 0.8 },
    { metric: 'p99Ms', atMost: 1_500 },
  ],
  notes: [
    `Open loop: ${(SUBMISSIONS / BURST_SECONDS).toLocaleString('en')} requests a second are due for ${BURST_SECONDS} s, whatever is answered; the rate counts until the last answer. Every answer must be 200 and every submission must be there once, with one event, or the bench fails.`,
    `Ours hands in an attempt of five answered questions: the caller's token is verified, the learner's row is locked, answers are graded, the result is worked out, two events are written. Balancer, gateway and Lambda are left out; ${CONNECTIONS} connections stand for as many Lambda environments, in one Node process. The peer knows neither caller nor attempt nor grade nor event: it inserts one row.`,
    'Ours makes eleven requests to the database, in eight flights, where the peer makes one, and one Node process makes them all here, which is the limit: its CPU, a third of it for writing to sockets. On Lambda each environment brings its own, and the database is next. A batch of submissions would need one process that sees many, as with the seats.',
  ],
}
