import * as z from 'zod'
import { idSchema } from '../kernel/id.ts'
import { defineContract } from './define.ts'

export const authContract = defineContract({
  service: 'auth',
  prefix: '/v1/auth',
  title: 'Sign-in and sessions',
  operations: {
    getJwks: {
      method: 'GET',
      path: '/jwks',
      summary: 'Public keys of the access tokens (RFC 7517), the coming one included',
      scope: 'public',
      status: 200,
      answer: z.object({ keys: z.array(z.looseObject({ kty: z.string(), kid: z.string() })) }),
      errors: [],
    },
    getSessionStatus: {
      method: 'GET',
      path: '/sessions/{sessionId}/status',
      summary: 'Whether a session is live: asked by the gateway, once per session',
      scope: 'internal',
      params: z.strictObject({ sessionId: idSchema('session') }),
      status: 200,
      answer: z.object({ accountId: idSchema('account'), isLive: z.boolean() }),
      errors: ['auth.session_not_found'],
    },
  },
})
