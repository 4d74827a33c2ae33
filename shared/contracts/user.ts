import * as z from 'zod'
import { memberRoleSchema } from '../events/organization.ts'
import { idSchema } from '../kernel/id.ts'
import { pageOf, pageQuery } from '../kernel/page.ts'
import { oneLine } from '../kernel/text.ts'
import { isoSchema, timeZoneSchema } from '../kernel/time.ts'
import { emailSchema, localeSchema, tokenSchema } from './auth.ts'
import { defineContract } from './define.ts'

/** Mails to a new address that one person may cause within 24 hours. */
export const EMAIL_CHANGES_PER_DAY_MAX = 5

const nameSchema = oneLine(z.string().trim().min(1).max(200)).meta({
  examples: ['Ada Lovelace'],
})

const profileSchema = z.object({
  accountId: idSchema('account'),
  email: z.string(),
  name: z.string(),
  locale: z.string(),
  timeZone: z.string(),
  avatarMediaId: idSchema('media').nullable(),
  createdAt: isoSchema,
  deactivatedAt: isoSchema.nullable(),
})

const ownProfileSchema = profileSchema.extend({
  /** Grows with every change; it is the ETag. */
  revision: z.int().positive(),
  /** Waits for the link in the mail to it. */
  pendingEmail: z.string().nullable(),
})

const memberSchema = profileSchema.extend({ role: memberRoleSchema })

const exportSchema = z.object({
  exportedAt: isoSchema,
  profile: profileSchema,
  memberships: z.array(
    z.object({ organizationId: idSchema('organization'), role: memberRoleSchema }),
  ),
  emailChanges: z.array(
    z.object({
      newEmail: z.string().nullable(),
      requestedAt: isoSchema,
      endedAt: isoSchema.nullable(),
    }),
  ),
  /** What other services hold, and the operation that lists it to the person, where there is one. */
  elsewhere: z.array(
    z.object({ service: z.string(), holds: z.string(), readAt: z.string().nullable() }),
  ),
})

const standing = ['user.not_found', 'user.deactivated'] as const

export const userContract = defineContract({
  service: 'user',
  prefix: '/v1/users',
  title: 'Users',
  operations: {
    listUsers: {
      method: 'GET',
      path: '/',
      summary: 'Members of the active organisation, by name',
      scope: 'organization',
      permission: 'user:read',
      query: z.strictObject({
        ...pageQuery,
        q: z
          .string()
          .trim()
          .min(1)
          .max(100)
          .optional()
          .meta({ description: 'How the name begins, in any case.', examples: ['ada'] }),
      }),
      status: 200,
      answer: pageOf(memberSchema),
      errors: ['request.cursor'],
    },
    getOwnProfile: {
      method: 'GET',
      path: '/me',
      summary: 'The own profile with its ETag',
      scope: 'account',
      status: 200,
      answer: ownProfileSchema,
      errors: ['user.not_found'],
      etag: 'revision',
    },
    updateOwnProfile: {
      method: 'PATCH',
      path: '/me',
      summary: 'Change name, language or zone; absent fields stay',
      scope: 'account',
      body: z
        .strictObject({ name: nameSchema, locale: localeSchema, timeZone: timeZoneSchema })
        .partial(),
      status: 200,
      answer: ownProfileSchema,
      errors: [...standing, 'user.revision_stale'],
      ifMatch: true,
      etag: 'revision',
    },
    setAvatar: {
      method: 'PUT',
      path: '/me/avatar',
      summary: 'Show one of the own images as the avatar',
      scope: 'account',
      body: z.strictObject({ mediaId: idSchema('media') }),
      status: 200,
      answer: ownProfileSchema,
      errors: [...standing, 'user.avatar_invalid', 'media.unavailable'],
      etag: 'revision',
    },
    removeAvatar: {
      method: 'DELETE',
      path: '/me/avatar',
      summary: 'Show no avatar; repeating it is harmless',
      scope: 'account',
      status: 204,
      errors: standing,
    },
    requestEmailChange: {
      method: 'POST',
      path: '/me/email-change',
      summary: 'Mail a link to a new address; the former one is warned',
      description:
        'The answer is the same whether or not somebody has the address. An earlier link stops working.',
      scope: 'account',
      rateClass: 'sensitive',
      body: z.strictObject({ email: emailSchema }),
      status: 202,
      errors: [...standing, 'user.email_unchanged', 'user.email_changes_exhausted'],
    },
    confirmEmailChange: {
      method: 'POST',
      path: '/me/email-change/confirm',
      summary: 'Take over the new address with the token that was mailed there',
      scope: 'account',
      rateClass: 'sensitive',
      body: z.strictObject({ token: tokenSchema }),
      status: 200,
      answer: ownProfileSchema,
      errors: [...standing, 'user.email_change_invalid', 'user.email_taken', 'auth.unavailable'],
      etag: 'revision',
    },
    deactivateSelf: {
      method: 'POST',
      path: '/me/deactivate',
      summary: 'Leave: every session ends, nothing is deleted; repeating it is harmless',
      scope: 'account',
      rateClass: 'sensitive',
      status: 204,
      errors: ['user.not_found'],
    },
    exportOwnData: {
      method: 'GET',
      path: '/me/export',
      summary: 'What this service holds about the caller, to keep, and who holds the rest',
      scope: 'account',
      rateClass: 'sensitive',
      status: 200,
      answer: exportSchema,
      errors: ['user.not_found'],
    },
    getUser: {
      method: 'GET',
      path: '/{accountId}',
      summary: 'One member of the active organisation',
      scope: 'organization',
      permission: 'user:read',
      params: z.strictObject({ accountId: idSchema('account') }),
      status: 200,
      answer: memberSchema,
      errors: ['user.not_found'],
    },
  },
})
