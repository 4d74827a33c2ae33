import { eventually } from '../../support/eventually.ts'
import type { Campus } from '../campus/campus.ts'
import { campusServices, mappingsOf, nameOf } from '../campus/services.ts'

/** What is still on its way: events that no log has yet, records that no group has taken, letters that were parked. */
export type Backlog = {
  readonly unpublished: number
  readonly lag: number
  readonly parked: number
}

const schemas = campusServices.map(nameOf)

const countAll = (table: string, where = 'true') =>
  schemas.map((schema) => `(select count(*) from ${schema}.${table} where ${where})`).join(' + ')

/** What the database alone can tell, whether or not the log is there. */
export const waitingIn = async ({
  database,
}: Pick<Campus, 'database'>): Promise<Omit<Backlog, 'lag'>> => {
  const [counted] = await database.query<{ unpublished: number; parked: number }>(
    `select (${countAll('outbox')})::int as unpublished,
      (${countAll('dead_letter', 'redriven_at is null and discarded_at is null')})::int as parked`,
  )
  return { unpublished: counted?.unpublished ?? 0, parked: counted?.parked ?? 0 }
}

export const backlogOf = async (campus: Campus): Promise<Backlog> => {
  const waiting = await waitingIn(campus)
  const mappings = campusServices.flatMap(mappingsOf)
  const lags = await Promise.all(mappings.map(({ group }) => campus.bus.lag(group)))
  const lag = lags.flat().reduce((sum, each) => sum + each.lag, 0)
  return { ...waiting, lag }
}

/**
 * Waits until nothing is on its way, twice in a row: what a consumer wrote to its outbox between two looks is seen by
 * the second.
 *
 * @returns false when that does not come in time.
 */
export const awaitQuiet = async (campus: Campus, timeoutMs: number): Promise<boolean> => {
  let quietLooks = 0
  return eventually(
    async () => {
      const { unpublished, lag } = await backlogOf(campus)
      quietLooks = unpublished + lag === 0 ? quietLooks + 1 : 0
      if (quietLooks < 2) throw new Error('something is on its way')
      return true
    },
    { timeoutMs },
  ).catch(() => false)
}
