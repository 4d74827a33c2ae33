import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll } from '@jest/globals'
import pg from 'pg'
import type { Person } from '../../../local/demo/people.ts'
import { ACADEMY_ORGANIZATION_ID } from '../../../shared/contracts/academy.ts'
import { type RunningHub, useHub } from '../../flow/hub.ts'
import { NO_LIMITS } from './limits.ts'
import { meetOperator } from './people.ts'
import { idsOfTenant, type Row, rowsNaming } from './rows.ts'
import { buildTenant, type Tenant } from './tenant.ts'

/** On a busy machine; an idle one takes a tenth. */
const BUILD_TIMEOUT_MS = 900_000

export type World = {
  readonly hub: RunningHub
  readonly databaseUrl: string
  /** The database's owner. */
  readonly database: pg.Pool
  readonly operator: Person
  /** Who asks. */
  readonly ours: Tenant
  /** Whose things are asked for. */
  readonly theirs: Tenant
  readonly theirIds: ReadonlySet<string>
  theirRows(): Promise<readonly Row[]>
}

/** A hub through its gateway, on a database that we may look into, with two tenants that have one of everything. */
export const useWorld = (): { readonly world: World } => {
  const databaseUrl = Object.assign(new URL(process.env.HUB_TEST_POSTGRES_URL ?? ''), {
    pathname: `/world_${randomBytes(6).toString('hex')}`,
  }).href
  const running = useHub({ ...NO_LIMITS, DATABASE_URL: databaseUrl })
  const state: { world: World | undefined } = { world: undefined }
  beforeAll(async () => {
    state.world = await build(running.hub, databaseUrl)
  }, BUILD_TIMEOUT_MS)
  afterAll(() => state.world?.database.end())
  return {
    get world(): World {
      if (!state.world) throw new Error('the world has not been built')
      return state.world
    },
  }
}

const build = async (hub: RunningHub, databaseUrl: string): Promise<World> => {
  const database = new pg.Pool({ connectionString: databaseUrl, max: 2 })
  database.on('error', () => {})
  const operator = await meetOperator(hub.url)
  const [ours, theirs] = await Promise.all(
    ['ours', 'theirs'].map((name) =>
      buildTenant(hub.url, { operator, canary: `${name}-${randomBytes(8).toString('hex')}` }),
    ),
  )
  if (!ours || !theirs) throw new Error('two names make two tenants')
  const peopleOf = ({ organizationId, members }: Tenant) => [
    organizationId,
    ...members.map(({ accountId }) => accountId),
  ]
  const theirIds = await idsOfTenant(database, {
    from: peopleOf(theirs),
    notTheirs: new Set([ACADEMY_ORGANIZATION_ID, operator.accountId, ...peopleOf(ours)]),
  })
  const theirRows = () => rowsNaming(database, theirIds)
  return { hub, databaseUrl, database, operator, ours, theirs, theirIds, theirRows }
}
