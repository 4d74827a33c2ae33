import { eventually } from '../../support/eventually.ts'
import type { FaultHub } from './hub.ts'

const WELL_TIMEOUT_MS = 120_000

/** How long until a whole hub has published and taken everything; undefined when it does not get there. */
export const untilWell = async (hub: FaultHub): Promise<number | undefined> => {
  const startedAt = performance.now()
  const schemas = await hub.query<{ name: string }>(
    `select n.nspname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relname = 'outbox'`,
  )
  const outboxes = schemas.map(({ name }) => `(select count(*) from "${name}".outbox)`).join(' + ')
  return eventually(
    async () => {
      const [row] = await hub.query<{ waiting: number }>(
        `select (${outboxes})::int + (
           select coalesce(sum(h.next_offset - p.next_offset), 0)
           from event_log.position p join event_log.head h using (topic, partition)
           where p.group_name like 'hub.%'
         )::int as waiting`,
      )
      if (row?.waiting !== 0) throw new Error('something is on its way')
      return Math.round(performance.now() - startedAt)
    },
    { timeoutMs: WELL_TIMEOUT_MS },
  ).catch(() => undefined)
}
