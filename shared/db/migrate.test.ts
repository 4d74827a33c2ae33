import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import pg from 'pg'
import { ROLE_PASSWORD } from '../../tests/support/database.ts'
import { migrate } from './migrate.ts'
import { servicesWithSchemas } from './schemas.ts'

// Deployments that meet: of one database, and of two in one cluster, which share their roles.

const services = servicesWithSchemas(fileURLToPath(new URL('../..', import.meta.url)))
const names = [1, 2].map((each) => `migrate_${each}_${randomBytes(4).toString('hex')}`)
const serverUrl = () => process.env.HUB_TEST_POSTGRES_URL ?? ''
const urlOf = (name: string | undefined) =>
  Object.assign(new URL(serverUrl()), { pathname: `/${name}` }).href

const ask = async (url: string, text: string): Promise<pg.QueryResultRow[]> => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

const run = (name: string | undefined) =>
  migrate({ databaseUrl: urlOf(name), rolePassword: ROLE_PASSWORD, services })

describe('migrate', () => {
  beforeAll(async () => {
    for (const name of names) await ask(serverUrl(), `create database ${name}`)
  })
  afterAll(async () => {
    for (const name of names) await ask(serverUrl(), `drop database if exists ${name} with (force)`)
  })

  it('may be run four times at once, on two databases of one cluster', async () => {
    const [one, two] = names
    await expect(Promise.all([run(one), run(one), run(two), run(two)])).resolves.toBeDefined()
    for (const name of names) {
      const [row] = await ask(
        urlOf(name),
        `select count(*)::int as n from information_schema.tables where table_name = 'engine_migrations'`,
      )
      expect(row?.n).toBe(services.length)
    }
  }, 120_000)

  it('does nothing to a database that is at its newest version', async () => {
    const state = () =>
      ask(urlOf(names[0]), 'select * from course.migrations order by id').then(JSON.stringify)
    const before = await state()
    expect(before).toContain('0001')
    await run(names[0])
    expect(await state()).toBe(before)
  }, 60_000)

  it('lets go of its turn when it fails', async () => {
    const broken = { name: 'broken', migrationsDir: '/nowhere/at/all' }
    const failing = migrate({
      databaseUrl: urlOf(names[0]),
      rolePassword: ROLE_PASSWORD,
      services: [broken],
    })
    await expect(failing).rejects.toThrow()
    await expect(run(names[0])).resolves.toBeUndefined()
  }, 60_000)
})
