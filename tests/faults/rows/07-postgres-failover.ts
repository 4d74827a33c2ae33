import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startPostgres } from '../../../local/postgres/postgres.ts'
import { openDatabase } from '../../../shared/db/open.ts'
import { transaction } from '../../../shared/db/transaction.ts'
import { DomainError } from '../../../shared/kernel/errors.ts'
import { systemClock } from '../../../shared/kernel/time.ts'
import { startReplica } from '../../support/engines/replica.ts'
import type { Campus } from '../campus/campus.ts'
import { DATABASE, ROLE_PASSWORD } from '../campus/nursery.ts'
import { runOnCampus } from '../campus/run.ts'
import type { FaultRow, RowContext } from '../fault-row.ts'
import { untilAcknowledged } from '../measure.ts'

const OPERATIONS_BEFORE = 30

/**
 * The primary dies under load and its synchronous standby takes over: nothing acknowledged is lost. The old one comes
 * back fenced, as who fails over fences it (read-only), and whoever still writes to its port is refused.
 */
export const postgresFailover: FaultRow = {
  row: 7,
  name: 'PostgreSQL fails over to its synchronous standby',
  run: (context) =>
    runOnCampus(context, {
      options: { durable: true },
      load: { operationsPerActor: 10_000 },
      async strike(campus, { signal, endLoad }) {
        const { database, history } = campus
        const replica = await startReplica(database.server(), {
          name: 'standby',
          isSynchronous: true,
        })
        context.defer(() => replica.stop())
        const more = context.random.fork('moment').int(OPERATIONS_BEFORE)
        await history.reached(history.operations.length + OPERATIONS_BEFORE + more, signal)
        await database.kill('SIGQUIT')
        const startedAt = performance.now()
        await replica.promote()
        database.proxy.leadTo(replica.port)
        const healed = Math.round(performance.now() - startedAt) + (await untilAcknowledged(campus))
        const violations = await lateWriter(context, campus)
        endLoad()
        return { faults: 1, healedMs: [healed], violations }
      },
    }),
}

const lateWriter = async (
  context: RowContext,
  { database }: Campus,
): Promise<readonly string[]> => {
  const { dataDir } = database
  await appendFile(
    join(dataDir, 'cluster', 'postgresql.auto.conf'),
    `default_transaction_read_only = on\nsynchronous_standby_names = ''\n`,
  )
  const old = await startPostgres({ dataDir, durable: true })
  context.defer(() => old.stop())
  const own = openDatabase({
    ...{ url: old.url(DATABASE), service: 'enrollment', password: ROLE_PASSWORD },
    connectionsMax: 1,
  })
  const call = {
    ...{ tenant: '*' as const, now: systemClock(), actorId: 'late' },
    traceparent: `00-${'1'.repeat(32)}-${'1'.repeat(16)}-01`,
  }
  try {
    await transaction(own, call, async (tx) => {
      await tx
        .tables<{ inbox: { consumer: string; eventId: string } }>()
        .insertInto('inbox')
        .values({ consumer: 'late', eventId: 'late' })
        .execute()
    })
    return ['G3 the fenced primary took a write']
  } catch (error) {
    const isRefused = error instanceof DomainError && error.kind === 'unavailable'
    return isRefused ? [] : [`G4 the fenced primary answered ${String(error)}`]
  } finally {
    await own.close()
  }
}
