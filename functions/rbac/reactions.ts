import type { Reactions } from '../../shared/bus/reaction.ts'
import type { Tx } from '../../shared/db/transaction.ts'
import { emailKeyOf } from '../../shared/kernel/email.ts'
import { type AccountId, newId, type OrganizationId } from '../../shared/kernel/id.ts'
import { courseRefReactions } from '../../shared/projection/course-refs.ts'
import { isMembershipNews } from '../../shared/projection/membership-news.ts'
import { changeGrants, platformGrant } from './commands.ts'
import type { BuiltInName } from './domain.ts'
import type { Deps } from './routes.ts'
import { grants } from './store.ts'

/**
 * Membership gives the built-in role of the same name; a proven address may give the platform. News of a membership
 * that was parked and comes late loses: nobody gets back what has ended since.
 */
export const reactions: Reactions<Deps> = {
  ...courseRefReactions,

  async 'organization.created'({ data, event, tx }) {
    const { organizationId, ownerId } = data
    const owner = { organizationId, accountId: ownerId, role: 'owner' as const }
    if (await isMembershipNews(tx, owner, event.sequence)) await giveMembership(tx, owner)
  },

  async 'member.added'({ data, event, tx }) {
    if (await isMembershipNews(tx, data, event.sequence)) await giveMembership(tx, data)
  },

  async 'member.role_changed'({ data, event, tx }) {
    if (await isMembershipNews(tx, data, event.sequence)) await giveMembership(tx, data)
  },

  async 'member.removed'({ data, event, tx }) {
    if (!(await isMembershipNews(tx, data, event.sequence))) return
    await changeGrants(tx, data, () => grants(tx).endIn(data))
  },

  /** Who has given up their account for good is no platform admin: a last one who can come in must stay. */
  async 'user.deactivated'({ data: { accountId }, tx }) {
    await grants(tx).lockLastingPlatformGrants()
    await changeGrants(tx, { accountId, organizationId: null }, () =>
      grants(tx).endPlatform(accountId),
    )
  },

  async 'account.email_verified'({ data, now, tx }, { platformAdminEmail }) {
    if (!platformAdminEmail || emailKeyOf(data.email) !== emailKeyOf(platformAdminEmail)) return
    const grant = {
      ...platformGrant(data.accountId, now),
      source: 'configuration' as const,
      grantedBy: 'system',
    }
    if (await grants(tx).isConfigured(data.accountId)) return
    await changeGrants(tx, grant, () => grants(tx).insert(grant))
  },
}

/** One grant of this source per member; the news of a role that stands changes nothing. */
const giveMembership = async (
  tx: Tx,
  member: { accountId: AccountId; organizationId: OrganizationId; role: BuiltInName },
): Promise<void> => {
  const held = await grants(tx).heldBy(member)
  const stands = held.some(({ source, role }) => source === 'membership' && role === member.role)
  if (stands) return
  await changeGrants(tx, member, async () => {
    await grants(tx).endIn(member, 'membership')
    await grants(tx).insert({
      ...member,
      grantId: newId('grant'),
      scope: 'organization',
      courseId: null,
      source: 'membership',
      grantedBy: tx.actorId,
      createdAt: tx.now,
      expiresAt: null,
      endedAt: null,
    })
  })
}
