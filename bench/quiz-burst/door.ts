import { exportJWK, generateKeyPair } from 'jose'
import { assessment } from '../../functions/assessment/service.ts'
import {
  INTERNAL_TOKEN_HEADER,
  internalTokenMinter,
  internalTokenVerifier,
} from '../../shared/auth/internal-token.ts'
import type { Database } from '../../shared/db/open.ts'
import { type Tx, transaction } from '../../shared/db/transaction.ts'
import type { Principal } from '../../shared/http/caller.ts'
import { mount } from '../../shared/http/mount.ts'
import { systemClock } from '../../shared/kernel/time.ts'
import { silentLog } from '../../shared/observe/logger.ts'
import { continueTrace } from '../../shared/observe/trace.ts'

const nobody = () => Promise.reject(new Error('nobody is asked'))

/** The service's HTTP door, and the tokens with which the gateway would call it. */
export const openDoor = async (database: Database) => {
  const pair = await generateKeyPair('EdDSA', { extractable: true })
  const privateKey = { ...(await exportJWK(pair.privateKey)), kid: 'bench' }
  const publicKey = { ...(await exportJWK(pair.publicKey)), kid: 'bench' }
  const mint = await internalTokenMinter(privateKey)
  // A token lives for a minute and ten thousand take a while to make: the clock stands still in each round.
  let now = systemClock()
  const app = mount({
    ...{ contract: assessment.contract, routes: assessment.routes, database, log: silentLog },
    deps: { course: { getCourse: nobody }, enrollment: { getOwnAccess: nobody } },
    verifyToken: internalTokenVerifier([publicKey]),
    clock: () => now,
  })
  const headersOf = async (principal: Principal) => ({
    [INTERNAL_TOKEN_HEADER]: await mint({ kind: 'account', principal }, now),
    'content-type': 'application/json',
  })
  return {
    fetch: (request: Request) => app.fetch(request),
    headersOf,
    setClock() {
      now = systemClock()
    },
    /** @returns the answer's body. @throws when it is no success. */
    async call(
      principal: Principal,
      { method = 'POST', path, body, ifMatch }: Call,
    ): Promise<Record<string, unknown>> {
      const headers = new Headers(await headersOf(principal))
      if (ifMatch !== undefined) headers.set('if-match', `"${ifMatch}"`)
      const url = `http://hub/v1/assessments${path}`
      const request = new Request(url, { method, headers, body: JSON.stringify(body ?? {}) })
      const response = await app.fetch(request)
      const text = await response.text()
      if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`)
      return JSON.parse(text)
    },
    /** What the service remembers of what events told it is written in one transaction. */
    async remember(principal: Principal, work: (tx: Tx) => Promise<void>) {
      const context = { tenant: principal.organizationId, actorId: 'system', now }
      const traceparent = continueTrace(undefined)
      await transaction(database, { ...context, traceparent }, work)
    },
  }
}

export type Door = Awaited<ReturnType<typeof openDoor>>

type Call = {
  readonly method?: 'POST' | 'PUT'
  readonly path: string
  readonly body?: unknown
  readonly ifMatch?: number
}
