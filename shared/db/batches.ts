import { describeError, type Log } from '../observe/logger.ts'
import type { Tenant, Tx } from './transaction.ts'

/** What a job is called with, as far as batches need it. */
type Call = {
  readonly log: Log
  transaction<Result>(tenant: Tenant, work: (tx: Tx) => Promise<Result>): Promise<Result>
}

/** Rows of each kind that a transaction sweeps, and transactions of one run: the next run goes on. */
const SWEPT_ROWS_MAX = 1_000
const SWEEPS_MAX = 100

/**
 * Does the work of every row that is due, page by page. One row that fails is logged and keeps no other waiting: it
 * is still due, and the next run meets it again.
 *
 * @throws what reading a page throws.
 */
export const eachDue = async <Row extends object>(
  { log, transaction }: Call,
  {
    due,
    rowsMax,
    pagesMax = 1,
    work,
    failure,
  }: {
    /** The next page in a fixed order; those that fail are in front of `last` and do not come twice in one run. */
    due(tx: Tx, page: { readonly last: Row | undefined; readonly limit: number }): Promise<Row[]>
    readonly rowsMax: number
    /** Pages of one run: what is left is the next run's. */
    readonly pagesMax?: number
    /** Opens the transaction of this one row. */
    work(row: Row): Promise<unknown>
    /** What the log says of a row that failed, beside its fields. */
    readonly failure: string
  },
): Promise<void> => {
  let last: Row | undefined
  for (let page = 0; page < pagesMax; page += 1) {
    const rows = await transaction('*', (tx) => due(tx, { last, limit: rowsMax }))
    for (const row of rows)
      try {
        await work(row)
      } catch (error) {
        log.error(failure, { ...row, ...describeError(error) })
      }
    last = rows.at(-1)
    if (rows.length < rowsMax) return
  }
}

/**
 * Deletes what is past its time, in transactions that stay short.
 *
 * @param sweep deletes at most `limit` rows of each kind.
 * @returns how many rows are gone.
 */
export const sweepRows = async (
  { transaction }: Pick<Call, 'transaction'>,
  sweep: (tx: Tx, limit: number) => Promise<number>,
): Promise<number> => {
  let swept = 0
  for (let run = 0; run < SWEEPS_MAX; run += 1) {
    const rows = await transaction('*', (tx) => sweep(tx, SWEPT_ROWS_MAX))
    if (rows === 0) break
    swept += rows
  }
  return swept
}
