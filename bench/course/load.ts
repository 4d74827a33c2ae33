import { INTERNAL_TOKEN_HEADER, type MintInternalToken } from '../../shared/auth/internal-token.ts'
import { builtInRoles } from '../../shared/contracts/roles.ts'
import {
  type CourseId,
  newId,
  type OrganizationId,
  type SessionId,
} from '../../shared/kernel/id.ts'
import { systemClock } from '../../shared/kernel/time.ts'
import { continueTrace } from '../../shared/observe/trace.ts'
import { openLoop, saturate, type Target } from '../harness/load.ts'
import { cpuSeconds } from '../harness/processes.ts'

const CALLERS = 20
/** As long as the gateway hands out one internal token again and again. */
const SATURATE_SECONDS = 8
const OPEN_LOOP_SECONDS = 6
/** An execution environment takes one request at a time. */
const CONNECTIONS = 1

export type Kind = 'read' | 'write'

/** A hundred calls of twenty instructors, with internal tokens as the gateway has just minted them. */
export const callsOf = async (
  kind: Kind,
  options: {
    readonly mint: MintInternalToken
    readonly organizationId: OrganizationId
    readonly courseIds: readonly CourseId[]
  },
): Promise<readonly Target[]> => {
  const { mint, organizationId, courseIds } = options
  const grants = {
    platform: [],
    organization: builtInRoles.instructor.permissions,
    courses: {},
  }
  const tokens = await Promise.all(
    Array.from({ length: CALLERS }, () => {
      const [accountId, sessionId] = [newId('account'), newId('session') as SessionId]
      const principal = { accountId, sessionId, organizationId, grants }
      return mint({ kind: 'account', principal }, systemClock())
    }),
  )
  return Array.from({ length: 100 }, (_, index): Target => {
    const headers = {
      [INTERNAL_TOKEN_HEADER]: tokens[index % CALLERS] ?? '',
      ...FORWARDED,
      traceparent: continueTrace(undefined),
    }
    if (kind === 'read')
      return { method: 'GET', url: `/v1/courses/${courseIds[index % courseIds.length]}`, headers }
    const title = `Course ${newId('module').slice(-12)}`
    return {
      method: 'POST',
      url: '/v1/courses',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ title }),
    }
  })
}

/**
 * A round against one process: as much as it takes, then half of that on a fixed schedule.
 *
 * @throws an Error when it refuses a call.
 */
export const roundOf = async (options: {
  readonly url: string
  readonly pid: number
  readonly calls: readonly Target[]
}) => {
  const { url, pid, calls } = options
  const before = cpuSeconds([pid])
  const { requests, rps, refused } = await saturate({
    ...{ url, connections: CONNECTIONS, seconds: SATURATE_SECONDS, calls },
  })
  const cpu = cpuSeconds([pid]) - before
  if (refused > 0) throw new Error(`${refused} of ${requests} calls were refused`)
  const half = await openLoop({
    targets: calls.map((call) => ({ ...call, url: `${url}${call.url}` })),
    requestsPerSecond: Math.max(1, Math.round(rps / 2)),
    seconds: OPEN_LOOP_SECONDS,
  })
  return { rps, cpuMicroseconds: (cpu / requests) * 1e6, p50Ms: half.p50Ms, p99Ms: half.p99Ms }
}

const FORWARDED = {
  accept: 'application/json',
  'x-request-id': '0b0f5c9e-6f1b-4a53-9a3e-1f6d5a3c2b11',
  'x-forwarded-for': '203.0.113.7',
  'x-forwarded-host': 'hub.test',
  'x-forwarded-proto': 'https',
}
