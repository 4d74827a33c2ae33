import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'

export const EVENT_LOG_ROLE = 'hub_event_log'

/**
 * Creates the log's schema and its login role, or leaves what is there. Safe to repeat.
 *
 * @param databaseUrl of the database's owner.
 * @returns the EVENT_LOG_URL of that role.
 */
export const ensureEventLog = async ({
  databaseUrl,
  rolePassword,
}: {
  databaseUrl: string
  rolePassword: string
}): Promise<string> => {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    await client.query(
      await readFile(fileURLToPath(new URL('schema.sql', import.meta.url)), 'utf8'),
    )
    // A role is the cluster's: two hubs may meet here.
    await client.query(`
      do $$ begin
        create role ${EVENT_LOG_ROLE} login;
      exception when duplicate_object or unique_violation then null;
      end $$;
      alter role ${EVENT_LOG_ROLE} password ${client.escapeLiteral(rolePassword)};
      grant usage on schema event_log to ${EVENT_LOG_ROLE};
      grant select, insert, update, delete on all tables in schema event_log to ${EVENT_LOG_ROLE};
    `)
  } finally {
    await client.end()
  }
  const url = new URL(databaseUrl)
  url.username = EVENT_LOG_ROLE
  url.password = encodeURIComponent(rolePassword)
  return url.href
}
