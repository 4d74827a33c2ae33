import { sql } from 'kysely'
import * as z from 'zod'
import { at } from '../../shared/db/columns.ts'
import type { Database } from '../../shared/db/open.ts'
import { EVENT_RETENTION_MS } from '../../shared/events/topics.ts'
import { addMs, type Clock, HOUR_MS, systemClock } from '../../shared/kernel/time.ts'
import { describeError, type Log } from '../../shared/observe/logger.ts'
import { findOutboxes } from '../../shared/outbox/publish.ts'
import { BUDGET_MS } from './publisher.ts'

/** What the sweeping schedule sends. */
export type SweepEvent = { readonly job: 'sweep' }

/** Twice what the log keeps: what may still be delivered again is always remembered. */
export const INBOX_KEPT_MS = 2 * EVENT_RETENTION_MS
/** Past its time by more than any request lasts: nobody who has found the key valid is still reading it. */
export const IDEMPOTENCY_GRACE_MS = HOUR_MS
/** Rows that one statement forgets at most: well below the role's statement timeout. */
export const PAGE_ROWS_MAX = 2_000
/** Pages of each table that one run takes at most; the next run goes on. */
export const PAGES_MAX = 200

export type Sweeper = {
  /**
   * Forgets in every schema what the engines need no longer, a page of each table in turn, so that none waits for
   * another's backlog. Any number may run at once.
   *
   * @throws what a table's statement threw, after the others had their turn.
   */
  sweep(): Promise<{ readonly rows: number }>
}

const sweepSchema = z.object({ job: z.literal('sweep') })

export const isSweep = (event: unknown): event is SweepEvent => sweepSchema.safeParse(event).success

export const createSweeper = ({
  database: { kysely },
  log,
  clock = systemClock,
  budgetMs = BUDGET_MS,
  pageRowsMax = PAGE_ROWS_MAX,
  pagesMax = PAGES_MAX,
}: {
  database: Database
  log: Log
  clock?: Clock
  budgetMs?: number
  pageRowsMax?: number
  pagesMax?: number
}): Sweeper => ({
  async sweep() {
    const signal = AbortSignal.timeout(budgetMs)
    const failures: unknown[] = []
    let rows = 0
    let waiting = (await findOutboxes(kysely)).flatMap(agingTables)
    for (let page = 0; page < pagesMax && waiting.length > 0; page += 1) {
      const unfinished: AgingTable[] = []
      for (const table of waiting) {
        if (signal.aborted) break
        try {
          const forgotten = await forgetPage(table)
          rows += forgotten
          if (forgotten === pageRowsMax) unfinished.push(table)
        } catch (error) {
          log.error('table not swept', { table: table.path.join('.'), ...describeError(error) })
          failures.push(error)
        }
      }
      waiting = unfinished
    }
    if (rows > 0) log.info('engine rows forgotten', { rows })
    if (failures.length > 0) throw new AggregateError(failures, 'some tables were not swept')
    return { rows }

    async function forgetPage({ path, key, time, keptMs }: AgingTable): Promise<number> {
      const table = sql.id(...path)
      const before = at(addMs(clock(), -keptMs))
      // Asked twice: a key that was claimed anew while this waited for its row stays.
      const { numAffectedRows } = await sql`
        delete from ${table} where (${sql.join(key.map((column) => sql.id(column)))}) in (
          select ${sql.join(key.map((column) => sql.id(column)))} from ${table}
          where ${sql.id(time)} < ${before} order by ${sql.id(time)} limit ${pageRowsMax}
        ) and ${sql.id(time)} < ${before}`.execute(kysely)
      return Number(numAffectedRows ?? 0n)
    }
  },
})

type AgingTable = {
  readonly path: readonly [schema: string, table: string]
  readonly key: readonly string[]
  /** The column from which a row is kept for `keptMs`. */
  readonly time: string
  readonly keptMs: number
}

const agingTables = (schema: string): readonly AgingTable[] => [
  {
    path: [schema, 'inbox'],
    key: ['consumer', 'event_id'],
    time: 'processed_at',
    keptMs: INBOX_KEPT_MS,
  },
  {
    path: [schema, 'idempotency'],
    key: ['owner', 'key'],
    time: 'expires_at',
    keptMs: IDEMPOTENCY_GRACE_MS,
  },
]
