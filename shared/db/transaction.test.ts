import { describe, expect, it } from '@jest/globals'
import { sql } from 'kysely'
import { useDatabase } from '../../tests/support/database.ts'
import { eventually } from '../../tests/support/eventually.ts'
import { assert } from '../kernel/assert.ts'
import type { OrganizationId } from '../kernel/id.ts'
import { instantOf } from '../kernel/time.ts'
import { type OutgoingEvent, type Tx, transaction } from './transaction.ts'

const database = useDatabase()

const context = {
  tenant: '*',
  now: instantOf('2026-03-01T10:00:00.000Z'),
  actorId: 'system',
  traceparent: '',
} as const

type Tables = { inbox: { consumer: string; eventId: string } }

const claim = (tx: Tx, eventId: string) =>
  tx.tables<Tables>().insertInto('inbox').values({ consumer: 'test', eventId }).execute()

describe('a transaction', () => {
  const one = { connectionsMax: 1 }
  const tenantOf = async (tx: Tx) => {
    const { rows } = await sql<{
      tenant: string | null
    }>`select current_setting('hub.tenant', true) as tenant`.execute(tx.tables())
    return rows[0]?.tenant
  }

  it('has its tenant from the first statement on, whatever the tenant is called, and leaves none behind', async () => {
    const course = database.as('course', one)
    for (const tenant of ['org_1', `org_'; rollback; --`, 'org_\\'])
      expect(
        await transaction(course, { ...context, tenant: tenant as OrganizationId }, tenantOf),
      ).toBe(tenant)
    expect(
      await sql`select current_setting('hub.tenant', true) as tenant`.execute(course.kysely),
    ).toMatchObject({
      rows: [{ tenant: '' }],
    })
  })

  it('keeps nothing of what threw, and its connection serves the next', async () => {
    const course = database.as('course', one)
    const failed = transaction(course, context, async (tx) => {
      await claim(tx, 'undone')
      await sql`select 1 / 0`.execute(tx.tables())
    })
    await expect(failed).rejects.toThrow('division by zero')
    await transaction(course, context, (tx) => claim(tx, 'kept'))
    const rows = await database.query<{ event_id: string }>(
      `select event_id from course.inbox where event_id in ('undone', 'kept')`,
    )
    expect(rows).toEqual([{ event_id: 'kept' }])
  })

  it('begins before its first statement, however late that comes on a connection that is new', async () => {
    for (let late = 0; late < 12; late += 1) {
      const failed = transaction(database.as('course', one), context, async (tx) => {
        for (let turn = 0; turn < late; turn += 1) await undefined
        await claim(tx, `late${late}`)
        throw new Error('undo')
      })
      await expect(failed).rejects.toThrow('undo')
    }
    const rows = await database.query(
      `select event_id from course.inbox where event_id like 'late%'`,
    )
    expect(rows).toEqual([])
  })

  it('is not told to be committed when a statement of it had failed, though the work went on', async () => {
    const swallowing = transaction(database.as('course', one), context, async (tx) => {
      await claim(tx, 'swallowed')
      await sql`select 1 / 0`.execute(tx.tables()).catch(() => {})
      return 'done'
    })
    await expect(swallowing).rejects.toMatchObject({ code: '25P02' })
    const rows = await database.query(
      `select event_id from course.inbox where event_id = 'swallowed'`,
    )
    expect(rows).toEqual([])
  })

  it('takes nothing more once it is over: what comes late meets no other transaction', async () => {
    const course = database.as('course', one)
    for (const ends of ['committed', 'rolled back']) {
      let late: Tx | undefined
      const first = transaction(course, context, async (tx) => {
        late = tx
        if (ends === 'rolled back') throw new Error('undo')
      })
      await first.catch(() => {})
      await transaction(course, { ...context, tenant: 'org_2' as OrganizationId }, async () => {
        assert(late, 'it has begun')
        const event = {} as OutgoingEvent
        await expect(claim(late, `late, ${ends}`)).rejects.toThrow('is over')
        await expect(sql`select 1`.execute(late.tables())).rejects.toThrow('is over')
        expect(() => late?.append(event)).toThrow('is over')
        expect(() => late?.afterCommit(async () => {})).toThrow('is over')
      })
    }
    const rows = await database.query(
      `select event_id from course.inbox where event_id like 'late, %'`,
    )
    expect(rows).toEqual([])
  })

  it('undoes the statements that were still on their way when another one failed', async () => {
    const course = database.as('course', one)
    for (let round = 0; round < 10; round += 1) {
      const failed = transaction(course, context, (tx) =>
        Promise.all([
          sql`select 1 / 0`.execute(tx.tables()),
          ...Array.from({ length: 5 }, (_, index) => claim(tx, `sibling ${round} ${index}`)),
        ]),
      )
      await expect(failed).rejects.toThrow('division by zero')
    }
    await transaction(course, context, (tx) => claim(tx, 'after the siblings'))
    const rows = await database.query(
      `select event_id from course.inbox where event_id like 'sibling%'`,
    )
    expect(rows).toEqual([])
  })

  it('whose connection dies is unavailable, and the next has another connection', async () => {
    const course = database.as('course', one)
    const cut = transaction(course, context, async (tx) => {
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(
        tx.tables(),
      )
      await database.query('select pg_terminate_backend($1)', [rows[0]?.pid])
      await sql`select 1`.execute(tx.tables())
    })
    await expect(cut).rejects.toMatchObject({ code: 'database.unavailable' })
    await transaction(course, context, (tx) => claim(tx, 'after the cut'))
  })
})

describe('a server that cannot', () => {
  it.each([
    ['its disk is full', '53100'],
    ['its disk fails', '58030'],
  ])('is unavailable when %s', async (_, state) => {
    const failed = transaction(database.as('course'), context, (tx) =>
      sql`do ${sql.raw(`$$ begin raise exception 'no' using errcode = '${state}'; end $$`)}`.execute(
        tx.tables(),
      ),
    )
    await expect(failed).rejects.toMatchObject({ code: 'database.unavailable' })
  })
})

describe('afterCommit', () => {
  it('runs when others can see what was written', async () => {
    const seen: number[] = []
    await transaction(database.as('course'), context, async (tx) => {
      await claim(tx, 'one')
      tx.afterCommit(async () => {
        const rows = await database.query(`select * from course.inbox where event_id = 'one'`)
        seen.push(rows.length)
      })
      expect(seen).toEqual([])
    })
    expect(seen).toEqual([1])
  })

  it('never runs for what was rolled back, and once for what was tried again', async () => {
    let runs = 0
    const follow = async () => {
      runs += 1
    }
    const course = database.as('course')
    const failed = transaction(course, context, async (tx) => {
      tx.afterCommit(follow)
      throw new Error('no')
    })
    await expect(failed).rejects.toThrow('no')
    expect(runs).toBe(0)

    let attempts = 0
    await transaction(course, context, async (tx) => {
      tx.afterCommit(follow)
      attempts += 1
      if (attempts === 1) throw Object.assign(new Error('deadlock'), { code: '40P01' })
    })
    expect([attempts, runs]).toEqual([2, 1])
  })
})

describe('a server that takes no writes', () => {
  const refuseWrites = (isRefused: boolean) => {
    const name = new URL(database.url).pathname.slice(1)
    const change = isRefused ? 'set default_transaction_read_only = on' : 'reset all'
    return database.query(`begin read write; alter database ${name} ${change}; commit`)
  }
  const read = (tx: Tx) => tx.tables<Tables>().selectFrom('inbox').select('eventId').execute()

  it('decides nothing, reads included, and is left for the one that the address leads to next', async () => {
    // One connection, and of a role that had none before: settings reach new sessions alone.
    const service = database.as('enrollment', { connectionsMax: 1 })
    await refuseWrites(true)
    const works: ((tx: Tx) => Promise<unknown>)[] = [read, (tx) => claim(tx, 'late')]
    for (const work of works)
      await expect(transaction(service, context, work)).rejects.toMatchObject({
        kind: 'unavailable',
        code: 'database.unavailable',
        options: { retryAfterSeconds: 1 },
      })
    await refuseWrites(false)
    await eventually(() => transaction(service, context, (tx) => claim(tx, 'again')))
    expect(await transaction(service, context, read)).toEqual([{ eventId: 'again' }])
  })
})
