import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { type Postgres, startPostgres } from '../../local/postgres/postgres.ts'
import { migrate } from '../../shared/db/migrate.ts'
import { servicesWithSchemas } from '../../shared/db/schemas.ts'
import { type PgBouncer, startPgBouncer } from './engines/pgbouncer.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export const TEMPLATE_DATABASE = 'hub_template'
export const ROLE_PASSWORD = 'hub-test'

declare global {
  var hubTestPostgres:
    | { server: Postgres; dataDir: string; pooler: PgBouncer | undefined }
    | undefined
}

/**
 * One real PostgreSQL for the whole run; each test file clones the migrated template (tests/support/database.ts).
 * With `HUB_TEST_POOLER=on` the services reach it through PgBouncer, and only the owner reaches it itself.
 */
export default async function globalSetup(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'hub-test-'))
  const server = await startPostgres({ dataDir, durable: false })
  const running = { server, dataDir, pooler: undefined }
  globalThis.hubTestPostgres = running
  const admin = new pg.Client({ connectionString: server.url('postgres') })
  await admin.connect()
  await admin.query(`create database ${TEMPLATE_DATABASE}`)
  await admin.end()
  for (const service of servicesWithSchemas(root))
    await migrate({
      databaseUrl: server.url(TEMPLATE_DATABASE),
      rolePassword: ROLE_PASSWORD,
      services: [service],
      // Its own tests will fail on what is missing; those of all other services need not.
    }).catch((error: unknown) => console.error(`migrations of ${service.name} failed:`, error))
  process.env.HUB_TEST_POSTGRES_URL = server.url('postgres')
  if (process.env.HUB_TEST_POOLER !== 'on') return
  const pooler = await startPgBouncer(server.url('postgres'))
  globalThis.hubTestPostgres = { ...running, pooler }
  process.env.HUB_TEST_SERVICES_URL = pooler.through(server.url('postgres'))
}
