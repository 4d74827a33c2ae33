import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { sql } from 'kysely'
import { migrate } from '../../shared/db/migrate.ts'
import { PUBLISHER_ROLE, schemaOf } from '../../shared/db/names.ts'
import { addMs, type Instant, instantOf, MINUTE_MS, toIso } from '../../shared/kernel/time.ts'
import { silentLog } from '../../shared/observe/logger.ts'
import { ROLE_PASSWORD, useDatabase } from '../../tests/support/database.ts'
import { eventually } from '../../tests/support/eventually.ts'
import { createSweeper, IDEMPOTENCY_GRACE_MS, INBOX_KEPT_MS, isSweep } from './sweeper.ts'

const SERVICES = ['first-service', 'second-service'] as const
type ServiceName = (typeof SERVICES)[number]

const now = instantOf('2026-03-01T10:00:00.000Z')

describe('the sweep', () => {
  const database = useDatabase()

  const migrateAll = () =>
    migrate({
      databaseUrl: database.url,
      rolePassword: ROLE_PASSWORD,
      services: SERVICES.map((name) => ({ name, migrationsDir: undefined })),
    })

  beforeAll(migrateAll)
  beforeEach(async () => {
    for (const name of SERVICES)
      await database.query(`truncate ${schemaOf(name)}.inbox, ${schemaOf(name)}.idempotency`)
  })

  const start = (options: { pageRowsMax?: number; pagesMax?: number } = {}) =>
    createSweeper({
      database: database.as('outbox-publisher', { role: PUBLISHER_ROLE, connectionsMax: 1 }),
      clock: () => now,
      log: silentLog,
      ...options,
    })
  const handled = (name: ServiceName, eventId: string, processedAt: Instant) =>
    database.query(`insert into ${schemaOf(name)}.inbox values ('me', $1, $2)`, [
      eventId,
      toIso(processedAt),
    ])
  const keyed = (name: ServiceName, key: string, expiresAt: Instant) =>
    database.query(
      `insert into ${schemaOf(name)}.idempotency (owner, key, fingerprint, expires_at)
        values ('me', $1, 'f', $2)`,
      [key, toIso(expiresAt)],
    )
  const left = async (name: ServiceName) =>
    [
      ...(await database.query<{ id: string }>(
        `select event_id as id from ${schemaOf(name)}.inbox order by 1`,
      )),
      ...(await database.query<{ id: string }>(
        `select key as id from ${schemaOf(name)}.idempotency order by 1`,
      )),
    ].map(({ id }) => id)

  const forgettable = addMs(now, -INBOX_KEPT_MS - 1)
  const overdue = addMs(now, -IDEMPOTENCY_GRACE_MS - 1)

  it('forgets in every schema what is past its time, and nothing that still counts', async () => {
    for (const name of SERVICES) {
      await handled(name, 'old event', forgettable)
      await handled(name, 'recent event', addMs(now, -INBOX_KEPT_MS))
      await keyed(name, 'old key', overdue)
      await keyed(name, 'just expired key', addMs(now, -MINUTE_MS))
      await keyed(name, 'valid key', addMs(now, MINUTE_MS))
    }
    expect(await start().sweep()).toEqual({ rows: 4 })
    for (const name of SERVICES)
      expect(await left(name)).toEqual(['recent event', 'just expired key', 'valid key'])
    expect(await start().sweep()).toEqual({ rows: 0 })
  })

  it('takes as many pages as there are, and stops at its limit with a page from everyone', async () => {
    for (const name of SERVICES)
      for (const event of ['1', '2', '3', '4', '5']) await handled(name, event, forgettable)
    expect(await start({ pageRowsMax: 2, pagesMax: 1 }).sweep()).toEqual({ rows: 4 })
    for (const name of SERVICES) expect(await left(name)).toHaveLength(3)
    expect(await start({ pageRowsMax: 2 }).sweep()).toEqual({ rows: 6 })
  })

  it('keeps a key that is claimed anew while the sweep waits for it', async () => {
    await keyed('first-service', 'again', overdue)
    const claim = await database.as('first-service').kysely.startTransaction().execute()
    await sql`update first_service.idempotency set expires_at = ${toIso(addMs(now, MINUTE_MS))}`.execute(
      claim,
    )
    const swept = start().sweep()
    await eventually(async () => {
      const waiting = await database.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      )
      expect(waiting).toHaveLength(1)
    })
    await claim.commit().execute()
    expect(await swept).toEqual({ rows: 0 })
    expect(await left('first-service')).toEqual(['again'])
  })

  it('gives the other tables their turn when one is broken', async () => {
    for (const name of SERVICES) await handled(name, 'old event', forgettable)
    await database.query('alter table first_service.inbox rename to inbox_gone')
    try {
      await expect(start().sweep()).rejects.toThrow('some tables were not swept')
    } finally {
      await database.query('alter table first_service.inbox_gone rename to inbox')
    }
    expect(await left('second-service')).toEqual([])
  })

  it('gets its rights in a schema of before with the next migrate', async () => {
    await handled('first-service', 'old event', forgettable)
    await database.query(
      `revoke all on first_service.inbox, first_service.idempotency from ${PUBLISHER_ROLE}`,
    )
    await expect(start().sweep()).rejects.toThrow('some tables were not swept')
    await migrateAll()
    expect(await start().sweep()).toEqual({ rows: 1 })
  })

  it('is what its schedule asks for, and no nudge', () => {
    expect(isSweep({ job: 'sweep' })).toBe(true)
    for (const event of [{ service: 'course' }, { 'detail-type': 'Scheduled Event' }])
      expect(isSweep(event)).toBe(false)
  })
})
