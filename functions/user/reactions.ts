import type { Reactions } from '../../shared/bus/reaction.ts'
import { instantOf } from '../../shared/kernel/time.ts'
import type { Deps } from './routes.ts'
import { memberships, profiles } from './store.ts'

/** Signing up makes the profile; the organization service tells who belongs where. */
export const reactions: Reactions<Deps> = {
  async 'account.registered'({ data, event, tx }) {
    const { organizationId: _, ...profile } = data
    await profiles(tx).insert({
      ...profile,
      avatarMediaId: null,
      revision: 1,
      createdAt: instantOf(event.time),
      deactivatedAt: null,
    })
  },

  async 'organization.created'({ data, event, tx }) {
    const { organizationId, ownerId } = data
    await memberships(tx).put({ organizationId, accountId: ownerId, role: 'owner' }, event.sequence)
  },

  async 'member.added'({ data, event, tx }) {
    await memberships(tx).put(data, event.sequence)
  },

  async 'member.role_changed'({ data, event, tx }) {
    await memberships(tx).put(data, event.sequence)
  },

  async 'member.removed'({ data, event, tx }) {
    await memberships(tx).put({ ...data, role: null }, event.sequence)
  },
}
