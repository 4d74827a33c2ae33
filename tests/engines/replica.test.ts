import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import pg from 'pg'
import { course } from '../../functions/course/service.ts'
import { type Postgres, startPostgres } from '../../local/postgres/postgres.ts'
import { migrate } from '../../shared/db/migrate.ts'
import { type Database, openDatabase } from '../../shared/db/open.ts'
import { newId } from '../../shared/kernel/id.ts'
import { ROLE_PASSWORD, type TestDatabase } from '../support/database.ts'
import { somebody, useDoors } from '../support/door.ts'
import { type Replica, startReplica } from '../support/engines/replica.ts'
import { eventually } from '../support/eventually.ts'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'

// A primary that acknowledges what its replica has on the disk, and a service that knows one address. The tests follow
// one another: the last of them leave the replica in the primary's place.

const WRITERS = 6
const COURSES = 90
/** So many are acknowledged when the primary dies: somewhere in the middle. */
const ACKNOWLEDGED_BEFORE = 30
const HEAL_TIMEOUT_MS = 60_000

let dataDir: string
let primary: Postgres
let replica: Replica
let endpoint: TcpProxy
let lateEndpoint: TcpProxy
const opened: Database[] = []

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hub-primary-'))
  primary = await startPostgres({ dataDir, durable: true })
  await migrate({
    databaseUrl: primary.url('postgres'),
    rolePassword: ROLE_PASSWORD,
    services: [{ name: 'course', migrationsDir: join(import.meta.dirname, MIGRATIONS) }],
  })
  replica = await startReplica(primary, { name: 'standby', isSynchronous: true })
  endpoint = await startTcpProxy(primary.port)
  lateEndpoint = await startTcpProxy(primary.port)
})
afterAll(async () => {
  await Promise.all(opened.map((database) => database.close()))
  await endpoint?.stop()
  await lateEndpoint?.stop()
  await replica?.stop()
  await primary?.stop()
  await rm(dataDir, { recursive: true, force: true })
})
const MIGRATIONS = '../../functions/course/migrations'

const query = async (url: string, text: string): Promise<pg.QueryResultRow[]> => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}
const onPrimary = (text: string) => query(primary.url('postgres'), text)
const onReplica = (text: string) => query(replica.url('postgres'), text)

/** The database as a service has it that knows this address. */
const databaseAt = (address: () => string): TestDatabase => ({
  get url() {
    return address()
  },
  get serviceUrl() {
    return address()
  },
  as(service) {
    const options = { url: address(), service, password: ROLE_PASSWORD, connectionsMax: WRITERS }
    const database = openDatabase(options)
    opened.push(database)
    return database
  },
  query: <Row extends pg.QueryResultRow>(text: string) => query(address(), text) as Promise<Row[]>,
})
const content = { listLessonReadiness: async () => ({ items: [] }) }
const hub = useDoors(
  databaseAt(() => endpoint.at(primary.url('postgres'))),
  course,
  { content },
)
/** The same service on a machine that has not heard of the failover. */
const lateHub = useDoors(
  databaseAt(() => lateEndpoint.at(primary.url('postgres'))),
  course,
  { content },
)

const organizationId = newId('organization')
const instructor = somebody('instructor', { organizationId })

/** The title is the idempotency key as well: however often it is asked for, it is one course. */
const create = (title: string, service = hub) =>
  service.post('/v1/courses', { as: instructor, idempotencyKey: title, body: { title } })
const look = (courseId: string) => hub.get(`/v1/courses/${courseId}`, { as: instructor })
const titles = async (ask: typeof onReplica) =>
  (await ask('select title from course.courses order by title')).map(({ title }) => title)

const REFUSED = { status: 503, body: { code: 'database.unavailable' } }

describe('a replica that lags', () => {
  it('changes no answer: what was written is read at once, and lies on the replica unseen', async () => {
    await replica.catchUp()
    await replica.pauseReplay()
    const { status, body } = await create('lagging')
    expect(status).toBe(201)
    expect((await look(body.courseId)).body).toMatchObject({ title: 'lagging' })
    expect(await create('lagging')).toMatchObject({ status: 201, body })
    expect(await titles(onReplica)).toEqual([])
    await replica.resumeReplay()
    await replica.catchUp()
    expect(await titles(onReplica)).toEqual(['lagging'])
  })
})

describe('a service whose address leads to a replica', () => {
  it('answers 503 with Retry-After to reads and writes, parks nothing, and goes on when it is led back', async () => {
    const removed = { organizationId, accountId: newId('account') }
    const event = { id: newId('event'), organizationId }
    endpoint.leadTo(replica.port)
    await endConnections(primary)
    const answers = await eventually(async () => {
      const some = [await hub.get('/v1/courses', { as: instructor }), await create('astray')]
      expect(some).toMatchObject([REFUSED, REFUSED])
      return some
    })
    expect(answers.map(({ headers }) => headers.get('retry-after'))).toEqual(['1', '1'])
    await expect(hub.deliver('member.removed', removed, event)).rejects.toMatchObject({
      kind: 'unavailable',
    })
    endpoint.leadTo(primary.port)
    await eventually(async () => expect((await create('back')).status).toBe(201))
    expect(await hub.deliver('member.removed', removed, event)).toBe('done')
    expect(await onPrimary('select 1 from course.dead_letter')).toEqual([])
    expect(await titles(onPrimary)).toEqual(['back', 'lagging'])
  })
})

describe('a failover to the synchronous replica', () => {
  it('loses no write that was acknowledged and doubles none that was asked for again', async () => {
    const wanted = Array.from({ length: COURSES }, (_, index) => `c-${index}`)
    const waiting = [...wanted]
    const acknowledged = new Map<string, string>()
    const kill = await primaryKiller()
    const write = async () => {
      for (let title = waiting.shift(); title; title = waiting.shift()) {
        acknowledged.set(title, await createAtLast(title))
        if (acknowledged.size === ACKNOWLEDGED_BEFORE) kill()
      }
    }
    const writers = Promise.all(Array.from({ length: WRITERS }, write))
    await primary.exited
    // The address may be ahead of the promotion: until then the replica is refused as any other.
    endpoint.leadTo(replica.port)
    await replica.promote()
    await writers
    const rows = await onReplica(
      `select title, course_id as id from course.courses where title like 'c-%'`,
    )
    expect(rows).toHaveLength(COURSES)
    expect(new Map(rows.map(({ title, id }) => [title, id]))).toEqual(acknowledged)
    expect((await announced()).toSorted()).toEqual([...acknowledged.values()].toSorted())
  })

  it('leaves an old primary that comes back unable to acknowledge anything', async () => {
    primary = await startPostgres({ dataDir, durable: true })
    lateEndpoint.leadTo(primary.port)
    const late = create('late', lateHub)
    // It has committed, and waits for a replica that follows it no more.
    const [{ pid } = { pid: 0 }] = await eventually(async () => {
      const waiting = await onPrimary(WAITING)
      expect(waiting).toHaveLength(1)
      return waiting
    })
    await onPrimary(`select pg_terminate_backend(${pid})`)
    expect(await late).toMatchObject(REFUSED)
    expect(await titles(onReplica)).not.toContain('late')
  })

  it('fences an old primary that is told to take no writes', async () => {
    await onPrimary('alter system set default_transaction_read_only = on')
    await onPrimary('select pg_reload_conf()')
    await eventually(async () => expect(await create('fenced', lateHub)).toMatchObject(REFUSED))
    expect(await create('in-time')).toMatchObject({ status: 201 })
  })
})

const WAITING = `select pid from pg_stat_activity where wait_event = 'SyncRep'`

const endConnections = (server: Postgres) =>
  query(
    server.url('postgres'),
    `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'hub_course'`,
  )

/** Asks until it is there, as a client does that was told to come back. @returns the id of the course. */
const createAtLast = (title: string): Promise<string> =>
  eventually(
    async () => {
      const { status, body } = await create(title)
      expect(status).toBe(201)
      return body.courseId
    },
    { timeoutMs: HEAL_TIMEOUT_MS },
  )

/** Ids of the courses of the failover that were announced, once for each time. */
const announced = async (): Promise<string[]> => {
  const rows = await onReplica(`
    select c.course_id as id from course.outbox o
    join course.courses c on c.course_id = o.envelope->'data'->>'courseId'
    where o.envelope->>'type' = 'course.created' and c.title like 'c-%'`)
  return rows.map(({ id }) => id)
}

/** SIGKILL at a call, as a machine that loses its power: nothing is said to anybody. */
const primaryKiller = async (): Promise<() => void> => {
  const file = await readFile(join(dataDir, 'cluster', 'postmaster.pid'), 'utf8')
  const pid = Number(file.split('\n')[0])
  return () => process.kill(pid, 'SIGKILL')
}
