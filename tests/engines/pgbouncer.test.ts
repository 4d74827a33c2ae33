import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, it } from '@jest/globals'
import { sql } from 'kysely'
import pg from 'pg'
import { roleOf } from '../../shared/db/names.ts'
import { type Tx, transaction } from '../../shared/db/transaction.ts'
import { claimIdempotencyKey } from '../../shared/http/idempotency.ts'
import { instantOf } from '../../shared/kernel/time.ts'
import { ROLE_PASSWORD, useDatabase } from '../support/database.ts'

// What makes the pooler a proof at all: whoever relies on a session sees it break here.

const CLIENTS = 60
const database = useDatabase()
const opened: pg.Client[] = []

afterEach(async () => {
  await Promise.all(opened.splice(0).map((client) => client.end()))
})

const clientAs = async (user: string): Promise<pg.Client> => {
  const target = Object.assign(new URL(database.serviceUrl), { username: user })
  target.password = ROLE_PASSWORD
  const client = new pg.Client({ connectionString: target.href })
  opened.push(client)
  await client.connect()
  return client
}

const context = {
  tenant: '*',
  now: instantOf('2026-03-01T10:00:00.000Z'),
  actorId: 'system',
  traceparent: '',
} as const

const SETTINGS = `
  select coalesce(current_setting('hub.tenant', true), '') as tenant,
    current_setting('lock_timeout') as lock, current_setting('statement_timeout') as statement,
    current_setting('idle_in_transaction_session_timeout') as idle, pg_backend_pid() as session`

type Settings = { tenant: string; lock: string; statement: string; idle: string; session: number }

const settingsOf = async (client: pg.Client): Promise<Settings | undefined> =>
  (await client.query<Settings>(SETTINGS)).rows[0]

const settingsIn = async (tx: Tx): Promise<Settings | undefined> =>
  (await sql<Settings>`${sql.raw(SETTINGS)}`.execute(tx.tables())).rows[0]

describe('the pooler', () => {
  it('shares few sessions among many clients', async () => {
    const clients = await Promise.all(
      Array.from({ length: CLIENTS }, () => clientAs(roleOf('course'))),
    )
    const seen = await Promise.all(clients.map(settingsOf))
    expect(new Set(seen.map((settings) => settings?.session)).size).toBeLessThan(CLIENTS)
  })

  it('hands the session settings of one client to the next', async () => {
    const [first, second] = [await clientAs(roleOf('user')), await clientAs(roleOf('user'))]
    await first.query(`select set_config('hub.tenant', 'leaked', false)`)
    expect(await settingsOf(second)).toMatchObject({ tenant: 'leaked' })
  })

  it('breaks named statements', async () => {
    const [first, second] = [await clientAs(roleOf('rbac')), await clientAs(roleOf('rbac'))]
    await first.query({ name: 'one', text: 'select 1' })
    await expect(second.query({ name: 'one', text: 'select 1' })).rejects.toMatchObject({
      code: '42P05',
    })
  })
})

describe('a service behind the pooler', () => {
  it('leaves nothing of a transaction on the session for the next client', async () => {
    const service = database.as('enrollment')
    const request = { owner: 'me', key: 'key', operation: 'test', input: {} }
    const inside = await transaction(service, context, async (tx) => {
      await claimIdempotencyKey(tx, request)
      return settingsIn(tx)
    })
    const after = await settingsOf(await clientAs(roleOf('enrollment')))
    expect(inside).toMatchObject({ tenant: '*', lock: '0' })
    expect(after).toMatchObject({ tenant: '', lock: '0', session: inside?.session })
  })

  it('has the time limits of its role', async () => {
    const limits = await transaction(database.as('course'), context, settingsIn)
    expect(limits).toMatchObject({ statement: '15s', idle: '30s' })
  })

  it('is cut off by a limit of its role', async () => {
    const role = `pooler_test_${randomBytes(4).toString('hex')}`
    await database.query(`create role ${role} login password '${ROLE_PASSWORD}'`)
    await database.query(`alter role ${role} set statement_timeout = '50ms'`)
    try {
      const limited = await clientAs(role)
      await expect(limited.query('select pg_sleep(60)')).rejects.toMatchObject({ code: '57014' })
    } finally {
      await database.query(`drop role ${role}`)
    }
  })
})
