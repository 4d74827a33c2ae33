import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../../local/free-port.ts'
import { EVENT_LOG_ROLE } from '../../../shared/bus/embedded/ensure.ts'
import { openBus } from '../../../shared/bus/open.ts'
import type { Bus } from '../../../shared/bus/port.ts'
import type { Principal } from '../../../shared/http/caller.ts'
import { newId } from '../../../shared/kernel/id.ts'
import { addMs, type Clock, systemClock } from '../../../shared/kernel/time.ts'
import { silentLog } from '../../../shared/observe/logger.ts'
import type { RowContext } from '../fault-row.ts'
import { createHistory, type History } from '../history.ts'
import { type Child, startChild } from '../processes/child.ts'
import type { CrashPlan } from '../processes/crash-point.ts'
import { type CampusDatabase, openCampusDatabase } from './database.ts'
import { campusTopics, type Nursery, PARTITIONS, ROLE_PASSWORD, takeCluster } from './nursery.ts'
import { type GatewayKey, newGatewayKey, principalOf, type SignIn, signInWith } from './people.ts'

/** One process of the campus, on its own port for as long as the campus stands. */
export type Part = {
  readonly role: 'doors' | 'publisher' | 'consumers'
  readonly url: string
  child(): Child
  /** Ends it, if it has not ended, and starts it again. @param changes of its environment, from now on. */
  restart(crash?: CrashPlan, changes?: Readonly<Record<string, string>>): Promise<void>
}

export type CampusOptions = {
  readonly nursery: Nursery
  /** Where its files are; a temporary folder, unless the fault wants another place. */
  readonly folder?: string
  /** False where the database itself is not struck. */
  readonly durable?: boolean
  readonly doors?: number
  readonly publishers?: number
  readonly consumers?: number
  /** For KAFKA_BROKERS; without it the log is the one in PostgreSQL. */
  readonly kafkaBrokers?: string
  /** Beside the settings of every part. */
  readonly environment?: Readonly<Record<string, string>>
  /** How far the clock of each door's machine is off, by number. */
  readonly skewsMs?: readonly number[]
}

/** Six services, the publisher and the consumers as processes over one database and one log. */
export type Campus = {
  readonly database: CampusDatabase
  readonly bus: Bus
  readonly doors: readonly Part[]
  readonly publishers: readonly Part[]
  readonly consumers: readonly Part[]
  readonly history: History
  readonly gatewayKey: GatewayKey
  readonly signIn: SignIn
  /** Somebody who may read, for looking whether a door answers. */
  readonly stranger: Principal
  /** From now on callers are signed in with this key. */
  useKey(key: GatewayKey): Promise<void>
  urls(): readonly string[]
  /** The clock of a door's machine. */
  clockOf(url: string): Clock
}

/** The lease and the session of a dead holder are over so soon; production waits longer, by the same rule. */
const LEASE_MS = 1_500
const SESSION_TIMEOUT_MS = 2_000

export const openCampus = async (context: RowContext, options: CampusOptions): Promise<Campus> => {
  const folder = options.folder ?? (await temporaryFolder(context))
  await takeCluster(options.nursery.cluster, folder)
  const database = await openCampusDatabase(context, {
    dataDir: folder,
    durable: options.durable ?? false,
  })
  const gatewayKey = await newGatewayKey()
  let signIn = await signInWith(gatewayKey)
  const environment = environmentFor(database, { gatewayKey, options })
  const bus = await openBus({ KAFKA_TLS: false, ...logOf(database, options) }, { log: silentLog })
  context.defer(() => bus.close())
  if (options.kafkaBrokers) await bus.ensureTopics(campusTopics, { partitions: PARTITIONS })
  const start = (role: Part['role'], count: number) =>
    Promise.all(
      Array.from({ length: count }, (_, index) => {
        const skewMs = role === 'doors' ? (options.skewsMs?.[index] ?? 0) : 0
        const wrapper =
          skewMs === 0 ? [] : ['faketime', '-f', `${skewMs < 0 ? '' : '+'}${skewMs / 1_000}s`]
        return startPart(context, { role, environment, wrapper, file: options.nursery.program })
      }),
    )
  const [doors, publishers, consumers] = await Promise.all([
    start('doors', options.doors ?? 2),
    start('publisher', options.publishers ?? 1),
    start('consumers', options.consumers ?? 1),
  ])
  return {
    ...{ database, bus, doors, publishers, consumers, gatewayKey },
    history: createHistory(),
    stranger: principalOf('learner', {
      accountId: newId('account'),
      organizationId: newId('organization'),
    }),
    signIn: (principal, clock) => signIn(principal, clock),
    async useKey(key) {
      signIn = await signInWith(key)
    },
    clockOf: (url) => {
      const skewMs = options.skewsMs?.[doors.findIndex((door) => door.url === url)] ?? 0
      return () => addMs(systemClock(), skewMs)
    },
    urls: () => doors.filter((door) => door.child().isRunning()).map(({ url }) => url),
  }
}

const temporaryFolder = async (context: RowContext): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'hub-campus-'))
  context.defer(() => rm(folder, { recursive: true, force: true }))
  return folder
}

const logOf = ({ url }: CampusDatabase, { kafkaBrokers }: CampusOptions) =>
  kafkaBrokers ? { KAFKA_BROKERS: kafkaBrokers } : { EVENT_LOG_URL: as(url, EVENT_LOG_ROLE) }

const as = (url: string, role: string): string =>
  Object.assign(new URL(url), { username: role, password: ROLE_PASSWORD }).href

const environmentFor = (
  database: CampusDatabase,
  { gatewayKey, options }: { gatewayKey: GatewayKey; options: CampusOptions },
): Readonly<Record<string, string>> => ({
  DATABASE_URL: database.url,
  DATABASE_PASSWORD: ROLE_PASSWORD,
  INTERNAL_JWKS: JSON.stringify([gatewayKey.publicKey]),
  PUBLIC_URL: 'http://localhost',
  SEAL_KEY: Buffer.alloc(32, 1).toString('base64'),
  LEASE_MS: String(LEASE_MS),
  SESSION_TIMEOUT_MS: String(SESSION_TIMEOUT_MS),
  ...logOf(database, options),
  ...options.environment,
})

const startPart = async (
  context: RowContext,
  {
    role,
    environment,
    wrapper,
    file,
  }: {
    role: Part['role']
    environment: Readonly<Record<string, string>>
    wrapper: readonly string[]
    file: string
  },
): Promise<Part> => {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  let current = environment
  const launch = (crash?: CrashPlan) =>
    startChild({
      file,
      wrapper,
      mayEnd: crash !== undefined,
      environment: {
        ...current,
        ROLE: role,
        PORT: String(port),
        INTERNAL_URL: url,
        ...(crash && { CRASH: JSON.stringify(crash) }),
      },
    })
  let child = await launch()
  context.defer(() => child.kill())
  return {
    role,
    url,
    child: () => child,
    async restart(crash, changes) {
      await child.kill()
      current = { ...current, ...changes }
      child = await launch(crash)
    },
  }
}
