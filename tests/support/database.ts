import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll } from '@jest/globals'
import pg from 'pg'
import { type Database, openDatabase } from '../../shared/db/open.ts'

const TEMPLATE_DATABASE = 'hub_template'
export const ROLE_PASSWORD = 'hub-test'

export type TestDatabase = {
  /** The owner's URL: sees every schema, whatever the rules of row-level security. */
  readonly url: string
  /** What a service would be given as DATABASE_URL: through the pooler where the run has one. */
  readonly serviceUrl: string
  /** As the service itself, through its own role. */
  as(service: string, options?: { connectionsMax?: number; role?: string }): Database
  /** Runs a statement as the owner. */
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>
}

/** A database of this test file's own, cloned from the migrated template; dropped when the file is done. */
export const useDatabase = (): TestDatabase => {
  const name = `test_${randomBytes(6).toString('hex')}`
  const serverUrl = process.env.HUB_TEST_POSTGRES_URL ?? ''
  const urlAt = (server: string) =>
    Object.assign(new URL(server || 'postgres://unset'), { pathname: `/${name}` }).href
  const url = urlAt(serverUrl)
  const serviceUrl = urlAt(process.env.HUB_TEST_SERVICES_URL ?? serverUrl)
  const opened: Database[] = []
  let owner: pg.Pool
  beforeAll(async () => {
    await onServer(serverUrl, `create database ${name} template ${TEMPLATE_DATABASE}`)
    owner = new pg.Pool({ connectionString: url, max: 4 })
    // `drop database … with (force)` may end an idle connection before its pool has.
    owner.on('error', () => {})
  })
  afterAll(async () => {
    await Promise.all([owner.end(), ...opened.map((database) => database.close())])
    await onServer(serverUrl, `drop database if exists ${name} with (force)`)
  })
  return {
    url,
    serviceUrl,
    as: (service, options = {}) => {
      const database = openDatabase({
        url: serviceUrl,
        service,
        password: ROLE_PASSWORD,
        connectionsMax: options.connectionsMax ?? 20,
        ...(options.role && { role: options.role }),
      })
      opened.push(database)
      return database
    },
    query: async (text, values) => (await owner.query(text, values)).rows,
  }
}

const onServer = async (serverUrl: string, statement: string) => {
  const client = new pg.Client({ connectionString: serverUrl })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
