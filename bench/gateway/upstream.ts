import { builtInRoles } from '../../shared/contracts/roles.ts'
import { type Nginx, startNginx } from '../../tests/support/engines/nginx.ts'
import type { Callers } from './callers.ts'

/** What any service answers: 60 bytes. */
const ANSWER = JSON.stringify({ courseId: 'crs_0198c1', title: 'Sailing, for those on land' })

/** Everything behind a gateway: auth's and rbac's answers of these callers, and one answer for all other calls. */
export const startUpstream = ({ callers, publicJwk }: Callers): Promise<Nginx> => {
  const grants = { platform: [], organization: builtInRoles.learner.permissions, courses: {} }
  return startNginx(
    [
      location('= /v1/auth/jwks', JSON.stringify({ keys: [publicJwk] })),
      ...callers.flatMap(({ accountId, sessionId }) => [
        location(
          `= /v1/auth/sessions/${sessionId}/status`,
          JSON.stringify({ accountId, isLive: true }),
        ),
        location(
          `= /v1/access/principals/${accountId}`,
          JSON.stringify({ grants, roleVersion: 1, expiresAt: null }),
        ),
      ]),
      location('/', ANSWER),
    ].join('\n    '),
  )
}

const location = (where: string, body: string): string =>
  `location ${where} { default_type application/json; return 200 '${body}'; }`
