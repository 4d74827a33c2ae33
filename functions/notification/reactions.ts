import type { Reactions } from '../../shared/bus/reaction.ts'
import { instantOf } from '../../shared/kernel/time.ts'
import { courseRefReactions } from '../../shared/projection/course-refs.ts'
import { announce } from './commands/announce.ts'
import { hashOfAddress } from './commands/subscription.ts'
import type { Deps } from './routes.ts'
import { contacts } from './store/contacts.ts'
import { deliveries } from './store/deliveries.ts'

const CHOOSE_PASSWORD = '/forgot-password'

/** Who can be reached where, and what they are told. */
export const reactions: Reactions<Deps> = {
  ...courseRefReactions,

  async 'account.registered'({ data, event, tx }, deps) {
    const { accountId, email, name, locale, timeZone } = data
    const from = instantOf(event.time)
    await contacts(tx).setEmail(accountId, email, from)
    await contacts(tx).setProfile(accountId, { name, locale, timeZone }, from)
    await announce(tx, { event, accountId, template: 'welcome', facts: {} }, deps)
  },

  async 'account.email_verified'({ data, event, tx }) {
    await contacts(tx).setEmail(data.accountId, data.email, instantOf(event.time))
    await contacts(tx).lift(hashOfAddress(data.email), { reason: 'bounce', category: '' })
  },

  async 'user.email_changed'({ data, event, tx }) {
    await contacts(tx).setEmail(data.accountId, data.email, instantOf(event.time))
    await contacts(tx).lift(hashOfAddress(data.email), { reason: 'bounce', category: '' })
  },

  async 'user.profile_updated'({ data, event, tx }) {
    const { accountId, name, locale, timeZone } = data
    await contacts(tx).setProfile(accountId, { name, locale, timeZone }, instantOf(event.time))
  },

  async 'user.deactivated'({ data, now, tx }) {
    await contacts(tx).deactivate(data.accountId, now)
    await deliveries(tx).stop(data.accountId, 'deactivated', now)
  },

  async 'account.verification_requested'({ data, event, tx }, deps) {
    const { accountId, sealedToken, expiresAt } = data
    await announce(
      tx,
      {
        event,
        accountId,
        address: data,
        template: 'verify_email',
        facts: { expiresAt },
        link: '/verify',
        sealedToken,
        expiresAt,
      },
      deps,
    )
  },

  async 'account.sign_up_repeated'({ data, event, tx }, deps) {
    const { accountId } = data
    const message = { template: 'sign_up_repeated', facts: {}, link: '/sign-in' } as const
    await announce(tx, { event, accountId, address: data, ...message }, deps)
  },

  async 'account.password_reset_requested'({ data, event, tx }, deps) {
    const { accountId, sealedToken, expiresAt } = data
    await announce(
      tx,
      {
        event,
        accountId,
        address: data,
        template: 'reset_password',
        facts: { expiresAt },
        link: '/reset',
        sealedToken,
        expiresAt,
      },
      deps,
    )
  },

  async 'account.password_changed'({ data, event, tx }, deps) {
    const { accountId } = data
    const message = { template: 'password_changed', facts: {}, link: CHOOSE_PASSWORD } as const
    await announce(tx, { event, accountId, address: data, ...message }, deps)
  },

  async 'user.email_change_requested'({ data, event, tx }, deps) {
    const { accountId, oldEmail, newEmail, locale, sealedToken, expiresAt } = data
    await announce(
      tx,
      {
        event,
        accountId,
        address: { email: newEmail, locale },
        template: 'confirm_new_email',
        facts: { expiresAt },
        link: '/confirm-email',
        sealedToken,
        expiresAt,
      },
      deps,
    )
    await announce(
      tx,
      {
        event,
        accountId,
        address: { email: oldEmail, locale },
        template: 'email_change_notice',
        facts: {},
        link: CHOOSE_PASSWORD,
      },
      deps,
    )
  },

  async 'invitation.created'({ data, event, tx }, deps) {
    const { email, locale, organizationId, organizationName, sealedToken, expiresAt } = data
    await announce(
      tx,
      {
        event,
        organizationId,
        address: { email, locale },
        template: 'invitation',
        facts: { organizationName, expiresAt },
        link: '/join',
        sealedToken,
        expiresAt,
      },
      deps,
    )
  },

  async 'enrollment.activated'({ data, event, tx }, deps) {
    const { accountId, organizationId, courseId } = data
    await announce(
      tx,
      {
        event,
        accountId,
        organizationId,
        template: 'enrolled',
        facts: {},
        courseId,
        link: `/courses/${courseId}`,
      },
      deps,
    )
  },

  async 'video.ready'({ data, event, tx }, deps) {
    const { videoId, ownerId, organizationId } = data
    const message = {
      template: 'video_ready',
      facts: {},
      link: `/videos/${videoId}`,
    } as const
    await announce(tx, { event, accountId: ownerId, organizationId, ...message }, deps)
  },

  async 'video.failed'({ data, event, tx }, deps) {
    const { videoId, ownerId, organizationId, reason } = data
    await announce(
      tx,
      {
        event,
        accountId: ownerId,
        organizationId,
        template: 'video_failed',
        facts: { reason },
        link: `/videos/${videoId}`,
      },
      deps,
    )
  },

  async 'certificate.issued'({ data, event, tx }, deps) {
    const { accountId, organizationId, courseTitle, verifyUrl } = data
    await announce(
      tx,
      {
        event,
        accountId,
        organizationId,
        template: 'certificate_issued',
        facts: { courseTitle },
        link: verifyUrl,
      },
      deps,
    )
  },

  async 'certificate.revoked'({ data, event, tx }, deps) {
    const { accountId, organizationId, courseTitle, reason } = data
    const message = { template: 'certificate_revoked', facts: { courseTitle, reason } } as const
    await announce(tx, { event, accountId, organizationId, ...message }, deps)
  },
}
