import { sql } from 'kysely'
import { at, type InstantColumn } from '../../shared/db/columns.ts'
import type { Tx } from '../../shared/db/transaction.ts'
import { type OrganizationEvent, organizationEvents } from '../../shared/events/organization.ts'
import type { AccountId, Id, OrganizationId } from '../../shared/kernel/id.ts'
import { cursorInteger, decodeCursor, type Paging } from '../../shared/kernel/page.ts'
import type { Instant } from '../../shared/kernel/time.ts'
import { writeOutbox } from '../../shared/outbox/write.ts'
import type { Account, Invitation, Member, MemberRole, Organization, Pool, Seat } from './domain.ts'

type MemberKey = Pick<Member, 'organizationId' | 'accountId'>

/** Organisations, members and invitations. Seats are in `seats`; together the only SQL of this service. */
export const organizations = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    async insert(organization: Organization): Promise<void> {
      await db
        .insertInto('organizations')
        .values({
          ...organization,
          ancestorIds: [...organization.ancestorIds],
          createdAt: at(organization.createdAt),
        })
        .execute()
    },

    async find(organizationId: OrganizationId): Promise<Organization | undefined> {
      return db
        .selectFrom('organizations')
        .selectAll()
        .where('organizationId', '=', organizationId)
        .executeTakeFirst()
    },

    /** As `find`, and nobody else changes its members, invitations or number of pools until this ends. */
    async findForUpdate(organizationId: OrganizationId): Promise<Organization | undefined> {
      return db
        .selectFrom('organizations')
        .selectAll()
        .where('organizationId', '=', organizationId)
        .forUpdate()
        .executeTakeFirst()
    },

    async save({ organizationId, name, locale }: Organization): Promise<void> {
      await db
        .updateTable('organizations')
        .set({ name, locale })
        .where('organizationId', '=', organizationId)
        .execute()
    },

    /** Everything below, level by level; one row more than `limit`. */
    async listBelow(
      organizationId: OrganizationId,
      { cursor, limit }: Paging,
    ): Promise<Organization[]> {
      const after = decodeCursor(cursor, 2)
      const level = sql<number>`cardinality(ancestor_ids)`
      return db
        .selectFrom('organizations')
        .selectAll()
        .where(sql<boolean>`ancestor_ids @> array[${organizationId}]`)
        .$if(after !== undefined, (query) =>
          query.where(
            sql<boolean>`(${level}, organization_id) > (${cursorInteger(after?.[0])}, ${after?.[1]})`,
          ),
        )
        .orderBy(level)
        .orderBy('organizationId')
        .limit(limit + 1)
        .execute()
    },

    /** Where the account is a member; one row more than `limit`. */
    async listOf(
      accountId: AccountId,
      { cursor, limit }: Paging,
    ): Promise<(Organization & { role: MemberRole })[]> {
      const after = decodeCursor(cursor, 1)
      return db
        .selectFrom('members')
        .innerJoin('organizations', 'organizations.organizationId', 'members.organizationId')
        .selectAll('organizations')
        .select('members.role')
        .where('members.accountId', '=', accountId)
        .$if(after !== undefined, (query) =>
          query.where('members.organizationId', '>', after?.[0] as OrganizationId),
        )
        .orderBy('members.organizationId')
        .limit(limit + 1)
        .execute()
    },

    async findMember(key: MemberKey): Promise<Member | undefined> {
      return memberOf(key).executeTakeFirst()
    },

    /** As `findMember`, and the membership does not end before this transaction. */
    async findMemberForShare(key: MemberKey): Promise<Member | undefined> {
      return memberOf(key).forShare().executeTakeFirst()
    },

    /** By account; one row more than `limit`. */
    async listMembers(
      organizationId: OrganizationId,
      { role, cursor, limit }: Paging & { role?: MemberRole | undefined },
    ): Promise<Member[]> {
      const after = decodeCursor(cursor, 1)
      return db
        .selectFrom('members')
        .selectAll()
        .where('organizationId', '=', organizationId)
        .$if(role !== undefined, (query) => query.where('role', '=', role as MemberRole))
        .$if(after !== undefined, (query) => query.where('accountId', '>', after?.[0] as AccountId))
        .orderBy('accountId')
        .limit(limit + 1)
        .execute()
    },

    async countOwners(organizationId: OrganizationId): Promise<number> {
      const { count } = await db
        .selectFrom('members')
        .select(sql<number>`count(*)`.as('count'))
        .where('organizationId', '=', organizationId)
        .where('role', '=', 'owner')
        .where(({ not, exists, selectFrom }) =>
          not(
            exists(
              selectFrom('departed')
                .select('departed.accountId')
                .whereRef('departed.accountId', '=', 'members.accountId'),
            ),
          ),
        )
        .executeTakeFirstOrThrow()
      return count
    },

    /** @returns whether there was no such member before. */
    async insertMember(member: Member): Promise<boolean> {
      const inserted = await db
        .insertInto('members')
        .values({ ...member, joinedAt: at(member.joinedAt) })
        .onConflict((conflict) => conflict.doNothing())
        .returning('accountId')
        .executeTakeFirst()
      return inserted !== undefined
    },

    async saveRole({ organizationId, accountId, role }: Member): Promise<void> {
      await db
        .updateTable('members')
        .set({ role })
        .where('organizationId', '=', organizationId)
        .where('accountId', '=', accountId)
        .execute()
    },

    async deleteMember({ organizationId, accountId }: MemberKey): Promise<void> {
      await db
        .deleteFrom('members')
        .where('organizationId', '=', organizationId)
        .where('accountId', '=', accountId)
        .execute()
    },

    /** Whether this address is a member's. */
    async isMembersAddress({
      organizationId,
      email,
    }: {
      organizationId: OrganizationId
      email: string
    }): Promise<boolean> {
      const row = await db
        .selectFrom('members')
        .innerJoin('accounts', 'accounts.accountId', 'members.accountId')
        .select('members.accountId')
        .where('members.organizationId', '=', organizationId)
        .where('accounts.isVerified', '=', true)
        .where(sql<boolean>`lower(accounts.email) = lower(${email})`)
        .executeTakeFirst()
      return row !== undefined
    },

    async insertInvitation(
      invitation: Invitation & { tokenHash: string; invitedBy: AccountId },
    ): Promise<void> {
      await db
        .insertInto('invitations')
        .values({
          ...invitation,
          createdAt: at(invitation.createdAt),
          expiresAt: at(invitation.expiresAt),
        })
        .execute()
    },

    /** Ends the pending invitation of this address, if there is one. */
    async supersedeInvitation({
      organizationId,
      email,
    }: Pick<Invitation, 'organizationId' | 'email'>): Promise<void> {
      await db
        .updateTable('invitations')
        .set({ state: 'revoked' })
        .where('organizationId', '=', organizationId)
        .where('state', '=', 'pending')
        .where(sql<boolean>`lower(email) = lower(${email})`)
        .execute()
    },

    /** Invitations that somebody could still accept. */
    async countPending(organizationId: OrganizationId, now: Instant): Promise<number> {
      const { count } = await db
        .selectFrom('invitations')
        .select(sql<number>`count(*)`.as('count'))
        .where('organizationId', '=', organizationId)
        .where('state', '=', 'pending')
        .where('expiresAt', '>', at(now))
        .executeTakeFirstOrThrow()
      return count
    },

    /** Whoever ends an invitation reads it under its organisation's lock. */
    async findInvitation(
      key: { readonly tokenHash: string } | Pick<Invitation, 'invitationId' | 'organizationId'>,
    ): Promise<Invitation | undefined> {
      const query = db.selectFrom('invitations').select(INVITATION_COLUMNS)
      return 'tokenHash' in key
        ? query.where('tokenHash', '=', key.tokenHash).executeTakeFirst()
        : query
            .where('invitationId', '=', key.invitationId)
            .where('organizationId', '=', key.organizationId)
            .executeTakeFirst()
    },

    async endInvitation(
      invitationId: Id<'invitation'>,
      state: 'accepted' | 'revoked',
    ): Promise<void> {
      await db
        .updateTable('invitations')
        .set({ state })
        .where('invitationId', '=', invitationId)
        .execute()
    },

    /** Newest first; one row more than `limit`. */
    async listInvitations(
      organizationId: OrganizationId,
      { cursor, limit }: Paging,
    ): Promise<Invitation[]> {
      const after = decodeCursor(cursor, 1)
      return db
        .selectFrom('invitations')
        .select(INVITATION_COLUMNS)
        .where('organizationId', '=', organizationId)
        .$if(after !== undefined, (query) =>
          query.where('invitationId', '<', after?.[0] as Id<'invitation'>),
        )
        .orderBy('invitationId', 'desc')
        .limit(limit + 1)
        .execute()
    },

    async findAccount(accountId: AccountId): Promise<Account | undefined> {
      return db
        .selectFrom('accounts')
        .selectAll()
        .where('accountId', '=', accountId)
        .executeTakeFirst()
    },

    /** A registration that arrives late changes nothing that is known. */
    async rememberRegistered(accountId: AccountId, email: string): Promise<void> {
      await db
        .insertInto('accounts')
        .values({ accountId, email, isVerified: false, emailSequence: 0 })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    },

    /** Proves the address that is remembered; news of an address that has been replaced proves nothing. */
    async rememberVerified(accountId: AccountId, email: string): Promise<void> {
      await db
        .insertInto('accounts')
        .values({ accountId, email, isVerified: true, emailSequence: 0 })
        .onConflict((conflict) =>
          conflict
            .column('accountId')
            .doUpdateSet({ isVerified: true })
            .where(sql<boolean>`lower(accounts.email) = lower(${email})`),
        )
        .execute()
    },

    /** A changed address was proven before it changed; stale news loses. @param sequence of the person's stream. */
    async rememberChanged(accountId: AccountId, email: string, sequence: number): Promise<void> {
      const news = { email, isVerified: true, emailSequence: sequence }
      await db
        .insertInto('accounts')
        .values({ accountId, ...news })
        .onConflict((conflict) =>
          conflict
            .column('accountId')
            .doUpdateSet(news)
            .where('accounts.emailSequence', '<', sequence),
        )
        .execute()
    },

    /** Who has given up their account, for good: they own nothing any more. */
    async rememberDeparted(accountId: AccountId): Promise<void> {
      await db
        .insertInto('departed')
        .values({ accountId })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    },

    /** The envelope names the organisation that the events are about, whoever's rows the operation may see. */
    emit: (organizationId: OrganizationId, events: readonly OrganizationEvent[]) =>
      writeOutbox({ ...tx, tenant: organizationId }, organizationEvents, events),
  }

  function memberOf({ organizationId, accountId }: MemberKey) {
    return db
      .selectFrom('members')
      .selectAll()
      .where('organizationId', '=', organizationId)
      .where('accountId', '=', accountId)
  }
}

type PoolKey = Pick<Pool, 'organizationId' | 'poolId'>

/** Licence pools and their seats. Whoever changes a seat holds its pool's lock. */
export const seats = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    async insertPool(pool: Pool): Promise<void> {
      await db
        .insertInto('licencePools')
        .values({ ...pool, createdAt: at(pool.createdAt) })
        .execute()
    },

    async countPools(organizationId: OrganizationId): Promise<number> {
      const { count } = await db
        .selectFrom('licencePools')
        .select(sql<number>`count(*)`.as('count'))
        .where('organizationId', '=', organizationId)
        .executeTakeFirstOrThrow()
      return count
    },

    async findPool(key: PoolKey): Promise<Pool | undefined> {
      return poolOf(key).executeTakeFirst()
    },

    async findPoolForUpdate(key: PoolKey): Promise<Pool | undefined> {
      return poolOf(key).forUpdate().executeTakeFirst()
    },

    async savePool({ poolId, name, seatCount, takenCount, claimable }: Pool): Promise<void> {
      await db
        .updateTable('licencePools')
        .set({ name, seatCount, takenCount, claimable })
        .where('poolId', '=', poolId)
        .execute()
    },

    /** Newest first; one row more than `limit`. */
    async listPools(
      organizationId: OrganizationId,
      { onlyClaimable, cursor, limit }: Paging & { onlyClaimable: boolean },
    ): Promise<Pool[]> {
      const after = decodeCursor(cursor, 1)
      return db
        .selectFrom('licencePools')
        .selectAll()
        .where('organizationId', '=', organizationId)
        .$if(onlyClaimable, (query) => query.where('claimable', '=', true))
        .$if(after !== undefined, (query) =>
          query.where('poolId', '<', after?.[0] as Id<'licencePool'>),
        )
        .orderBy('poolId', 'desc')
        .limit(limit + 1)
        .execute()
    },

    /** The pools in which a member holds a live seat, locked in one order for everybody. */
    async lockPoolsOf({ organizationId, accountId }: MemberKey): Promise<Pool[]> {
      return db
        .selectFrom('licencePools')
        .selectAll()
        .where('organizationId', '=', organizationId)
        .where('poolId', 'in', (eb) =>
          eb
            .selectFrom('seats')
            .select('poolId')
            .where('organizationId', '=', organizationId)
            .where('accountId', '=', accountId)
            .where('state', '!=', 'revoked'),
        )
        .orderBy('poolId')
        .forUpdate()
        .execute()
    },

    async findSeat(key: Pick<Seat, 'poolId' | 'seatId'>): Promise<Seat | undefined> {
      return db
        .selectFrom('seats')
        .selectAll()
        .where('poolId', '=', key.poolId)
        .where('seatId', '=', key.seatId)
        .executeTakeFirst()
    },

    async findSeatById(seatId: Id<'seat'>): Promise<Seat | undefined> {
      return db.selectFrom('seats').selectAll().where('seatId', '=', seatId).executeTakeFirst()
    },

    async findLiveSeat(key: Pick<Seat, 'poolId' | 'accountId'>): Promise<Seat | undefined> {
      return db
        .selectFrom('seats')
        .selectAll()
        .where('poolId', '=', key.poolId)
        .where('accountId', '=', key.accountId)
        .where('state', '!=', 'revoked')
        .executeTakeFirst()
    },

    async saveSeat(seat: Seat): Promise<void> {
      await db
        .insertInto('seats')
        .values({ ...seat, takenAt: at(seat.takenAt) })
        .onConflict((conflict) => conflict.column('seatId').doUpdateSet({ state: seat.state }))
        .execute()
    },

    /** Newest first; one row more than `limit`. */
    async listSeats(
      filter: Paging & {
        poolId?: Id<'licencePool'>
        accountId?: AccountId
        organizationId: OrganizationId
        state?: Seat['state'] | undefined
        onlyLive?: boolean
      },
    ): Promise<Seat[]> {
      const after = decodeCursor(filter.cursor, 1)
      let query = db
        .selectFrom('seats')
        .selectAll()
        .where('organizationId', '=', filter.organizationId)
      if (filter.poolId) query = query.where('poolId', '=', filter.poolId)
      if (filter.accountId) query = query.where('accountId', '=', filter.accountId)
      if (filter.state) query = query.where('state', '=', filter.state)
      if (filter.onlyLive) query = query.where('state', '!=', 'revoked')
      if (after) query = query.where('seatId', '<', after[0] as Id<'seat'>)
      return query
        .orderBy('seatId', 'desc')
        .limit(filter.limit + 1)
        .execute()
    },
  }

  function poolOf({ organizationId, poolId }: PoolKey) {
    return db
      .selectFrom('licencePools')
      .selectAll()
      .where('organizationId', '=', organizationId)
      .where('poolId', '=', poolId)
  }
}

type Tables = {
  organizations: Omit<Organization, 'ancestorIds' | 'createdAt'> & {
    ancestorIds: OrganizationId[]
    createdAt: InstantColumn
  }
  members: Omit<Member, 'joinedAt'> & { joinedAt: InstantColumn }
  invitations: Omit<Invitation, 'createdAt' | 'expiresAt'> & {
    tokenHash: string
    invitedBy: AccountId
    createdAt: InstantColumn
    expiresAt: InstantColumn
  }
  accounts: Account & { emailSequence: number }
  departed: { accountId: AccountId }
  licencePools: Omit<Pool, 'createdAt'> & { createdAt: InstantColumn }
  seats: Omit<Seat, 'takenAt'> & { takenAt: InstantColumn }
}

const INVITATION_COLUMNS = [
  'invitationId',
  'organizationId',
  'email',
  'role',
  'state',
  'createdAt',
  'expiresAt',
] as const satisfies readonly (keyof Invitation)[]
