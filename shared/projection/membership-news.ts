import { sql } from 'kysely'
import type { Tx } from '../db/transaction.ts'
import type { AccountId, OrganizationId } from '../kernel/id.ts'

type Membership = { readonly accountId: AccountId; readonly organizationId: OrganizationId }

/**
 * Remembers how new the news of a membership is, its end included, in the service's table `membership_news`: what was
 * parked and is redriven late gives nobody back what has ended since.
 *
 * @param sequence of the event, which its organisation counts.
 * @returns false when something newer is known.
 */
export const isMembershipNews = async (
  tx: Tx,
  { accountId, organizationId }: Membership,
  sequence: number,
): Promise<boolean> => {
  const remembered = await tx
    .tables<Tables>()
    .insertInto('membershipNews')
    .values({ accountId, organizationId, sequence })
    .onConflict((conflict) =>
      conflict
        .columns(['accountId', 'organizationId'])
        .doUpdateSet({ sequence })
        .where(sql<boolean>`membership_news.sequence <= ${sequence}`),
    )
    .returning('sequence')
    .executeTakeFirst()
  return remembered !== undefined
}

type Tables = { membershipNews: Membership & { sequence: number } }
