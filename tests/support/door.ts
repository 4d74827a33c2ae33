import { beforeAll } from '@jest/globals'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import {
  type Identity,
  INTERNAL_TOKEN_HEADER,
  internalTokenMinter,
  internalTokenVerifier,
  type MintInternalToken,
} from '../../shared/auth/internal-token.ts'
import { consume, type Outcome } from '../../shared/bus/consume.ts'
import type { Contract, Permission } from '../../shared/contracts/define.ts'
import { type BuiltInRoleName, builtInRoles } from '../../shared/contracts/roles.ts'
import { schemaOf } from '../../shared/db/names.ts'
import type { Database } from '../../shared/db/open.ts'
import { transaction } from '../../shared/db/transaction.ts'
import type { Envelope } from '../../shared/events/envelope.ts'
import { type DataOf, type EventType, producerOf } from '../../shared/events/registry.ts'
import { topicOf } from '../../shared/events/topics.ts'
import type { Principal } from '../../shared/http/caller.ts'
import { mount } from '../../shared/http/mount.ts'
import {
  type AccountId,
  newId,
  type OrganizationId,
  type SessionId,
} from '../../shared/kernel/id.ts'
import { toIso } from '../../shared/kernel/time.ts'
import { type Log, silentLog } from '../../shared/observe/logger.ts'
import { continueTrace } from '../../shared/observe/trace.ts'
import type { Service } from '../../shared/service/define.ts'
import { fakeClock } from './clock.ts'
import { contractCoverage } from './contract-coverage.ts'
import type { TestDatabase } from './database.ts'

/** Somebody with a built-in role in an organisation; `courses` adds permissions on single courses. */
export const somebody = (
  role: BuiltInRoleName,
  options: {
    organizationId?: OrganizationId
    accountId?: AccountId
    courses?: Record<string, readonly Permission[]>
  } = {},
): Principal => {
  const { scope, permissions } = builtInRoles[role]
  return {
    accountId: options.accountId ?? newId('account'),
    sessionId: newId('session') as SessionId,
    organizationId: options.organizationId ?? newId('organization'),
    grants: {
      platform: scope === 'platform' ? permissions : [],
      organization: scope === 'organization' ? permissions : [],
      courses: options.courses ?? {},
    },
  }
}

export type Call = {
  /** Who calls: a person, one of our own parts by name, or nobody. */
  readonly as?: Principal | string
  readonly body?: unknown
  readonly headers?: Record<string, string>
  readonly idempotencyKey?: string
  readonly ifMatch?: number
}

export type Answer = {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // A test knows what it asked for; asserting on the fields is its whole business.
  // biome-ignore lint/suspicious/noExplicitAny: see above
  readonly body: any
}

/** Both doors of a service over its real schema: HTTP through `mount`, events through `consume`. */
export const useDoors = <C extends Contract, Deps>(
  testDatabase: TestDatabase,
  service: Service<C, Deps>,
  deps: Deps | (() => Deps),
  { log = silentLog }: { log?: Log } = {},
) => {
  const name = service.contract.service
  const clock = fakeClock()
  let database: Database
  let mint: MintInternalToken
  let fetchApp: (request: Request) => Response | Promise<Response>
  const coverage = contractCoverage(service.contract)
  const theDeps = () => (typeof deps === 'function' ? (deps as () => Deps)() : deps)

  beforeAll(async () => {
    const keys = await testKeys()
    mint = await internalTokenMinter(keys.privateKey)
    database = testDatabase.as(name)
    const app = mount({
      contract: service.contract,
      routes: service.routes,
      deps: theDeps(),
      database,
      verifyToken: internalTokenVerifier([keys.publicKey]),
      clock: clock.now,
      log,
    })
    fetchApp = (request) => app.fetch(request)
  })

  const call = async (method: string, path: string, options: Call = {}): Promise<Answer> => {
    const headers = new Headers(options.headers)
    if (options.as) {
      const identity: Identity =
        typeof options.as === 'string'
          ? { kind: 'service', name: options.as }
          : { kind: 'account', principal: options.as }
      headers.set(INTERNAL_TOKEN_HEADER, await mint(identity, clock.now()))
    }
    if (options.body !== undefined) headers.set('content-type', 'application/json')
    if (options.idempotencyKey) headers.set('idempotency-key', options.idempotencyKey)
    if (options.ifMatch !== undefined) headers.set('if-match', `"${options.ifMatch}"`)
    const response = await fetchApp(
      new Request(`http://hub${path}`, {
        method,
        headers,
        ...(options.body !== undefined && {
          body: typeof options.body === 'string' ? options.body : JSON.stringify(options.body),
        }),
      }),
    )
    const text = await response.text()
    coverage.note(method, path, { status: response.status, text })
    const isJson = /json/.test(response.headers.get('content-type') ?? '')
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: isJson ? JSON.parse(text) : undefined,
    }
  }

  /** Hands the service an event as the log would; the same `id` twice is a redelivery. */
  const deliver = <Type extends EventType>(
    type: Type,
    data: DataOf<Type>,
    options: {
      id?: Envelope['id']
      organizationId?: OrganizationId
      actorId?: string
      /** Position within its aggregate; projections drop what is not newer than what they know. */
      sequence?: number
    } = {},
  ): Promise<Outcome> => {
    const envelope: Envelope = {
      specversion: '1.0',
      id: options.id ?? newId('event'),
      source: `/${producerOf(type)}`,
      type,
      subject: 'test',
      time: toIso(clock.now()),
      datacontenttype: 'application/json',
      ...(options.organizationId && { organizationid: options.organizationId }),
      actorid: options.actorId ?? 'system',
      traceparent: continueTrace(undefined),
      sequence: options.sequence ?? 1,
      data,
    }
    const record = {
      topic: topicOf(producerOf(type)),
      partition: 0,
      offset: Math.floor(Math.random() * 1e9),
      key: 'test',
      value: JSON.stringify(envelope),
    }
    return consume(record, {
      consumer: name,
      reactions: service.reactions ?? {},
      deps: theDeps(),
      database,
      clock: clock.now,
      log,
    })
  }

  /** Runs a job as its schedule or EventBridge rule would. */
  const runJob = async (job: string, input?: unknown): Promise<void> => {
    const found = service.jobs?.[job]
    if (!found) throw new Error(`${name} has no job ${job}`)
    const now = clock.now()
    await found(
      {
        input,
        now,
        log,
        transaction: (tenant, work) =>
          transaction(
            database,
            { tenant, now, actorId: 'system', traceparent: continueTrace(undefined) },
            work,
          ),
      },
      theDeps(),
    )
  }

  /** What the service has emitted so far, oldest first; optionally of one type. */
  const outbox = async (type?: EventType): Promise<Envelope[]> => {
    const rows = await testDatabase.query<{ envelope: Envelope }>(
      `select envelope from "${schemaOf(name)}".outbox order by created_at, aggregate_id, seq`,
    )
    return rows
      .map(({ envelope }) => envelope)
      .filter((envelope) => type === undefined || envelope.type === type)
  }

  return {
    clock,
    call,
    get: (path: string, options?: Call) => call('GET', path, options),
    post: (path: string, options?: Call) => call('POST', path, options),
    put: (path: string, options?: Call) => call('PUT', path, options),
    patch: (path: string, options?: Call) => call('PATCH', path, options),
    delete: (path: string, options?: Call) => call('DELETE', path, options),
    deliver,
    runJob,
    outbox,
    /** What of the contract no call of this file has shown yet: stands as the last test of service.test.ts. */
    uncovered: coverage.uncovered,
  }
}

/** A key pair of the gateway: who signs internal tokens with it is believed. */
export const testKeys = async (): Promise<{ privateKey: JWK; publicKey: JWK }> => {
  const pair = await generateKeyPair('EdDSA', { extractable: true })
  return {
    privateKey: { ...(await exportJWK(pair.privateKey)), kid: 'test' },
    publicKey: { ...(await exportJWK(pair.publicKey)), kid: 'test' },
  }
}
