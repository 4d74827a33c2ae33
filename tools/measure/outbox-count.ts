import pg from 'pg'
import { ownerUrlIn } from '../../local/hub/owner-url.ts'
import { functionKeyOf } from '../../local/template/template.ts'

/** Counts the domain events that each function writes, in a hub that exists only to be measured. */
export type OutboxCount = {
  /** Events committed so far, by the function's key in serverless.yml. */
  read(): Promise<ReadonlyMap<string, number>>
  close(): Promise<void>
}

/**
 * Puts a trigger on the outbox of every schema. A function is known by the name of its database session, which the
 * local Lambda host gives to each (`PGAPPNAME`); what parks a record on a dead-letter topic is no domain event.
 *
 * @param dataDir of a running hub with its embedded database.
 */
export const countOutbox = async (dataDir: string): Promise<OutboxCount> => {
  const client = new pg.Client({ connectionString: await ownerUrlIn(dataDir) })
  await client.connect()
  await client.query(COUNTER)
  const { rows } = await client.query<{ schema: string }>(
    "select table_schema as schema from information_schema.tables where table_name = 'outbox'",
  )
  for (const { schema } of rows)
    await client.query(
      `create trigger measured after insert on ${client.escapeIdentifier(schema)}.outbox
         for each row execute function measured.count_event()`,
    )
  return {
    async read() {
      const { rows: counts } = await client.query<{ name: string; events: number }>(
        'select session as name, count(*)::int as events from measured.events group by session',
      )
      return new Map(counts.map(({ name, events }) => [functionKeyOf(name), events]))
    },
    close: () => client.end(),
  }
}

const COUNTER = `
  create schema measured;
  create table measured.events (session text not null);
  create function measured.count_event() returns trigger
    language plpgsql security definer set search_path = '' as $$
  begin
    if new.topic not like '%.dlq' then
      insert into measured.events values (pg_catalog.current_setting('application_name'));
    end if;
    return null;
  end $$;
`
