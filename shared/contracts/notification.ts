import * as z from 'zod'
import { idSchema } from '../kernel/id.ts'
import { pageOf, pageQuery } from '../kernel/page.ts'
import { isoSchema } from '../kernel/time.ts'
import { defineContract } from './define.ts'

/** What a notification is about: people choose by category and channel. */
export const categorySchema = z.enum([
  'account',
  'security',
  'organization',
  'learning',
  'course',
  'certificate',
])
export type Category = z.output<typeof categorySchema>

export const channelSchema = z.enum(['in_app', 'mail'])
export type Channel = z.output<typeof channelSchema>

/** Nobody opts out of these: without them an account cannot be used, or is lost unnoticed. */
export const MANDATORY_CATEGORIES: readonly Category[] = ['account', 'security']

/** Events in one call of the mail provider; SendGrid sends about a thousand at the most. */
export const MAIL_EVENTS_MAX = 2_000

const notificationSchema = z.object({
  notificationId: idSchema('notification'),
  category: categorySchema,
  /** What happened, stable for clients that show an icon of their own. */
  template: z.string().meta({ examples: ['certificate_issued'] }),
  /** In the reader's language of now. */
  title: z.string(),
  text: z.string(),
  /** Where it leads, if anywhere. */
  link: z.url().nullable(),
  createdAt: isoSchema,
  readAt: isoSchema.nullable(),
})

const preferenceSchema = z.object({
  category: categorySchema,
  channel: channelSchema,
  isEnabled: z.boolean(),
})

const preferencesSchema = z.object({
  items: z.array(
    preferenceSchema.extend({
      /** True where it cannot be turned off. */
      isMandatory: z.boolean(),
    }),
  ),
})

const subscriptionQuery = z.strictObject({
  /** Signed, from the mail; needs no session. */
  subscription: z.string().min(1).max(1_000),
})

export const notificationContract = defineContract({
  service: 'notification',
  prefix: '/v1/notifications',
  title: 'Notifications',
  operations: {
    listNotifications: {
      method: 'GET',
      path: '/',
      summary: 'Own notifications, newest first, with the number of unread ones',
      scope: 'account',
      query: z.strictObject({
        ...pageQuery,
        unread: z.literal('true').optional().meta({ description: 'Only unread ones.' }),
      }),
      status: 200,
      answer: pageOf(notificationSchema).extend({ unreadCount: z.int().nonnegative() }),
      errors: ['request.cursor'],
    },
    markAllRead: {
      method: 'POST',
      path: '/read',
      summary: 'Mark all as read, up to the newest one that was seen',
      scope: 'account',
      body: z.strictObject({ newestSeenId: idSchema('notification') }),
      status: 200,
      answer: z.object({ unreadCount: z.int().nonnegative() }),
      errors: [],
    },
    markRead: {
      method: 'POST',
      path: '/{notificationId}/read',
      summary: 'Mark one as read; repeating it is harmless',
      scope: 'account',
      params: z.strictObject({ notificationId: idSchema('notification') }),
      status: 200,
      answer: notificationSchema,
      errors: ['notification.not_found'],
    },
    getPreferences: {
      method: 'GET',
      path: '/preferences',
      summary: 'What is told by which channel',
      scope: 'account',
      status: 200,
      answer: preferencesSchema,
      errors: [],
    },
    updatePreferences: {
      method: 'PATCH',
      path: '/preferences',
      summary: 'Turn categories on or off, by channel; what is not named stays',
      scope: 'account',
      body: z.strictObject({
        items: z
          .array(z.strictObject(preferenceSchema.shape))
          .min(1)
          .max(categorySchema.options.length * channelSchema.options.length),
      }),
      status: 200,
      answer: preferencesSchema,
      errors: ['notification.category_mandatory'],
    },
    showUnsubscribe: {
      method: 'GET',
      path: '/unsubscribe',
      summary: 'A page that asks before it unsubscribes: mail scanners open every link',
      scope: 'public',
      query: subscriptionQuery,
      status: 200,
      answer: z.string(),
      answerType: 'text/html; charset=utf-8',
      errors: ['notification.subscription_invalid'],
    },
    unsubscribe: {
      method: 'POST',
      path: '/unsubscribe',
      summary: 'Unsubscribe from mails of one category (RFC 8058); repeating it is harmless',
      scope: 'public',
      query: subscriptionQuery,
      status: 200,
      answer: z.string(),
      answerType: 'text/html; charset=utf-8',
      errors: ['notification.subscription_invalid'],
    },
    receiveMailEvents: {
      method: 'POST',
      path: '/mail-events',
      summary: 'What became of our mails: called and signed by SendGrid',
      scope: 'public',
      rawBody: true,
      body: z.string(),
      status: 204,
      errors: ['notification.signature_invalid', 'notification.mail_events_invalid'],
    },
  },
})
