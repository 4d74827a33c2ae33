import * as z from 'zod'
import { idSchema } from '../kernel/id.ts'
import { pageOf, pageQuery } from '../kernel/page.ts'
import { oneLine } from '../kernel/text.ts'
import { isoSchema, timeZoneSchema } from '../kernel/time.ts'
import { defineContract } from './define.ts'

export const PASSWORD_LENGTH_MIN = 8
export const PASSWORD_LENGTH_MAX = 128

/** An address as people type it; NFKC folds what only looks different (full-width letters). */
export const emailSchema = z
  .string()
  .max(254)
  .normalize('NFKC')
  .trim()
  .regex(z.regexes.email, { error: 'must be a mail address' })
  .meta({ examples: ['ada@example.org'], format: 'email' })

const newPasswordSchema = z
  .string()
  .min(PASSWORD_LENGTH_MIN)
  .max(PASSWORD_LENGTH_MAX)
  .meta({ examples: ['correct horse battery staple'], format: 'password' })

const passwordSchema = z
  .string()
  .min(1)
  .max(PASSWORD_LENGTH_MAX)
  .meta({ examples: ['correct horse battery staple'], format: 'password' })

/** What our mails and refresh tokens carry: 32 random bytes as base64url. */
export const tokenSchema = z
  .string()
  .min(20)
  .max(200)
  .regex(/^[\w-]+$/, { error: 'must be a token of this API' })
  .meta({ examples: ['9uLq7Jv0Zb2cYdXr5mK1tN8sWf3hGp6aEeRiOoTzUyA'] })

export const localeSchema = z
  .string()
  .regex(/^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?$/, { error: 'must be a BCP 47 language tag' })
  .meta({ examples: ['en', 'pt-BR'] })

/**
 * How the refresh token travels: in JSON for API clients, as an HttpOnly `__Host-` cookie for browsers, which
 * never see it.
 */
const transportSchema = z.enum(['body', 'cookie'])

const tokensSchema = z.object({
  /** RS256 JWT with `sub`, `org` and `sid`. */
  accessToken: z.string(),
  tokenType: z.literal('Bearer'),
  expiresInSeconds: z.int().positive(),
  /** Only with the transport `body`. */
  refreshToken: z.string().optional(),
  accountId: idSchema('account'),
  sessionId: idSchema('session'),
  /** The active organisation. */
  organizationId: idSchema('organization'),
})

const sessionSchema = z.object({
  sessionId: idSchema('session'),
  /** The one that asks. */
  isCurrent: z.boolean(),
  organizationId: idSchema('organization'),
  userAgent: z.string(),
  createdAt: isoSchema,
  lastUsedAt: isoSchema,
  expiresAt: isoSchema,
})

/** The answer to whoever names an address: the same whether anybody has it or not. */
const mailedSchema = z.object({ next: z.literal('check_mail') })

const sensitive = { scope: 'public', rateClass: 'sensitive' } as const

export const authContract = defineContract({
  service: 'auth',
  prefix: '/v1/auth',
  title: 'Sign-in and sessions',
  operations: {
    signUp: {
      method: 'POST',
      path: '/sign-up',
      summary: 'Ask for an account; whoever reads the mail to the address gives it its password',
      description:
        'Answers alike for a new and a known address: what happened is told in the mail alone.',
      ...sensitive,
      body: z.strictObject({
        name: oneLine(z.string().trim().min(1).max(100)).meta({ examples: ['Ada Lovelace'] }),
        email: emailSchema,
        locale: localeSchema.default('en'),
        timeZone: timeZoneSchema.default('UTC'),
      }),
      status: 202,
      answer: mailedSchema,
      errors: ['auth.unavailable'],
    },
    verifyEmail: {
      method: 'POST',
      path: '/verify-email',
      summary: 'Prove the address with the mailed token, and set the password',
      ...sensitive,
      body: z.strictObject({ token: tokenSchema, password: newPasswordSchema }),
      status: 204,
      errors: ['auth.token_invalid', 'auth.password_common'],
    },
    resendVerification: {
      method: 'POST',
      path: '/verify-email/resend',
      summary: 'Mail another token, if the address waits for one',
      ...sensitive,
      body: z.strictObject({ email: emailSchema }),
      status: 202,
      answer: mailedSchema,
      errors: [],
    },
    signIn: {
      method: 'POST',
      path: '/sign-in',
      summary: 'Open a session with address and password',
      description:
        'An address that waits for its mail to be followed is answered like a wrong password.',
      ...sensitive,
      body: z.strictObject({
        email: emailSchema,
        password: passwordSchema,
        transport: transportSchema.default('body'),
      }),
      status: 200,
      answer: tokensSchema,
      errors: [
        'auth.credentials_wrong',
        'auth.account_deactivated',
        'auth.too_many_attempts',
        'auth.origin_refused',
      ],
    },
    refresh: {
      method: 'POST',
      path: '/refresh',
      summary: 'Exchange the refresh token for its successor and a new access token',
      description:
        'Tabs that refresh at once get the same successor. A token that comes back later is taken for stolen: its session ends.',
      ...sensitive,
      body: z.discriminatedUnion('transport', [
        z.strictObject({ transport: z.literal('body'), refreshToken: tokenSchema }),
        z.strictObject({ transport: z.literal('cookie') }),
      ]),
      status: 200,
      answer: tokensSchema,
      errors: ['auth.refresh_invalid', 'auth.refresh_reused', 'auth.origin_refused'],
    },
    signOut: {
      method: 'POST',
      path: '/sign-out',
      summary: 'End this session and clear its cookie',
      scope: 'account',
      status: 204,
      errors: [],
    },
    listSessions: {
      method: 'GET',
      path: '/sessions',
      summary: 'The caller’s live sessions, newest first',
      scope: 'account',
      query: z.strictObject(pageQuery),
      status: 200,
      answer: pageOf(sessionSchema),
      errors: ['request.cursor'],
    },
    revokeSession: {
      method: 'DELETE',
      path: '/sessions/{sessionId}',
      summary: 'End one of the caller’s sessions',
      scope: 'account',
      params: z.strictObject({ sessionId: idSchema('session') }),
      status: 204,
      errors: ['auth.session_not_found'],
    },
    revokeOtherSessions: {
      method: 'POST',
      path: '/sessions/revoke-others',
      summary: 'End every session of the caller but this one',
      scope: 'account',
      status: 200,
      answer: z.object({ revoked: z.int().nonnegative() }),
      errors: [],
    },
    switchOrganization: {
      method: 'PUT',
      path: '/sessions/current/organization',
      summary: 'Make another of the caller’s organisations the active one of this session',
      description: 'Answers a new access token; the refresh token stays.',
      scope: 'account',
      body: z.strictObject({ organizationId: idSchema('organization') }),
      status: 200,
      answer: tokensSchema.omit({ refreshToken: true }),
      errors: ['auth.organization_not_found', 'auth.session_ended'],
    },
    requestPasswordReset: {
      method: 'POST',
      path: '/password-reset',
      summary: 'Mail a reset token, if somebody has the address',
      ...sensitive,
      body: z.strictObject({ email: emailSchema }),
      status: 202,
      answer: mailedSchema,
      errors: [],
    },
    resetPassword: {
      method: 'POST',
      path: '/password-reset/confirm',
      summary: 'Set a new password with the mailed token; every session ends',
      ...sensitive,
      body: z.strictObject({ token: tokenSchema, password: newPasswordSchema }),
      status: 204,
      errors: ['auth.token_invalid', 'auth.password_common'],
    },
    changePassword: {
      method: 'PUT',
      path: '/password',
      summary: 'Set a new password; every other session ends',
      scope: 'account',
      rateClass: 'sensitive',
      body: z.strictObject({ currentPassword: passwordSchema, newPassword: newPasswordSchema }),
      status: 204,
      errors: ['auth.password_wrong', 'auth.password_common', 'auth.too_many_attempts'],
    },
    replaceEmail: {
      method: 'PUT',
      path: '/accounts/{accountId}/email',
      summary: 'Take over an address that the user service has verified',
      description:
        'Called by the user service with the caller’s token. `proof` is signed with a key that only the two share.',
      scope: 'account',
      rateClass: 'sensitive',
      params: z.strictObject({ accountId: idSchema('account') }),
      body: z.strictObject({ email: emailSchema, proof: z.string().min(1).max(2_000) }),
      status: 204,
      errors: ['auth.account_not_found', 'auth.proof_invalid', 'auth.email_taken'],
    },
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
