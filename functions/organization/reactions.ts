import type { Reactions } from '../../shared/bus/reaction.ts'
import { courseRefReactions } from '../../shared/projection/course-refs.ts'
import { giveBack } from './commands.ts'
import { joined } from './domain.ts'
import type { Deps } from './routes.ts'
import { organizations } from './store.ts'

/** People join where they sign up; their proven addresses are what invitations are checked against. */
export const reactions: Reactions<Deps> = {
  ...courseRefReactions,

  async 'account.registered'({ data, now, tx }) {
    const store = organizations(tx)
    const { accountId, organizationId } = data
    await store.rememberRegistered(accountId, data.email)
    const { member, events } = joined({ organizationId, accountId, role: 'learner' }, now)
    const isNew = await store.insertMember(member)
    if (isNew) await store.emit(organizationId, events)
  },

  async 'account.email_verified'({ data, tx }) {
    await organizations(tx).rememberVerified(data.accountId, data.email)
  },

  async 'user.email_changed'({ data, event, tx }) {
    await organizations(tx).rememberChanged(data.accountId, data.email, event.sequence)
  },

  async 'user.deactivated'({ data, tx }) {
    await organizations(tx).rememberDeparted(data.accountId)
  },

  async 'enrollment.seat_left'({ data, tx }) {
    await giveBack(tx, data)
  },

  async 'enrollment.ended'({ data: { organizationId, seatIds = [] }, tx }) {
    for (const seatId of seatIds.toSorted()) await giveBack(tx, { organizationId, seatId })
  },
}
