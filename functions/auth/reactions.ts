import type { Reactions } from '../../shared/bus/reaction.ts'
import { isMembershipNews } from '../../shared/projection/membership-news.ts'
import { endSessions } from './commands/sessions.ts'
import type { Deps } from './routes.ts'
import { accounts, memberships } from './store.ts'

/** Who belongs where, whose mails speak which language, and who may no longer enter. */
export const reactions: Reactions<Deps> = {
  async 'member.added'({ data, event, tx }) {
    if (await isMembershipNews(tx, data, event.sequence)) await memberships(tx).add(data)
  },

  async 'member.removed'({ data, event, tx }) {
    if (await isMembershipNews(tx, data, event.sequence)) await memberships(tx).remove(data)
  },

  async 'user.profile_updated'({ data, event, tx }) {
    await accounts(tx).setLocale(data.accountId, data.locale, event.sequence)
  },

  async 'user.deactivated'({ data, now, tx }) {
    await accounts(tx).deactivate(data.accountId, now)
    await endSessions(tx, { accountId: data.accountId, reason: 'deactivated' })
  },
}
