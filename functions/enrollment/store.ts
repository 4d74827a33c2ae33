import { type Selectable, sql } from 'kysely'
import {
  at,
  atOrNull,
  type InstantColumn,
  type NullableInstantColumn,
} from '../../shared/db/columns.ts'
import type { Tx } from '../../shared/db/transaction.ts'
import { enrollmentEvents } from '../../shared/events/enrollment.ts'
import type {
  AccountId,
  CourseId,
  CourseVersionId,
  EnrollmentId,
  Id,
  OrganizationId,
} from '../../shared/kernel/id.ts'
import { decodeCursor } from '../../shared/kernel/page.ts'
import type { Instant } from '../../shared/kernel/time.ts'
import { writeOutbox } from '../../shared/outbox/write.ts'
import {
  type Change,
  DEFAULT_SETTINGS,
  type Enrollment,
  type Entitlement,
  type Offering,
  type Settings,
  type Source,
} from './domain/enrollment.ts'

export type Code = {
  readonly codeId: Id<'enrollmentCode'>
  readonly code: string
  readonly courseId: CourseId
  readonly organizationId: OrganizationId
  readonly usesMax: number
  readonly uses: number
  readonly expiresAt: Instant | null
  readonly disabledAt: Instant | null
  readonly createdBy: AccountId
  readonly createdAt: Instant
}

export type WaitingSeat = {
  readonly seatId: Id<'seat'>
  readonly organizationId: OrganizationId
  readonly courseId: CourseId
  readonly accountId: AccountId
}

export type Membership = {
  readonly organizationId: OrganizationId
  readonly accountId: AccountId
  readonly isMember: boolean
}

export type EnrollmentFilter = {
  readonly accountId?: AccountId | undefined
  readonly courseId?: CourseId | undefined
  readonly state?: 'active' | 'ended' | undefined
  readonly source?: Source | undefined
  readonly cursor?: string | undefined
  readonly limit: number
}

/** Where a sweep over expiring enrolments stands. */
export type Expiring = Pick<Enrollment, 'enrollmentId' | 'organizationId' | 'endsAt'>

/** Where a sweep over the enrolments of those who have left stands. */
export type LeftBehind = Pick<Enrollment, 'enrollmentId' | 'organizationId' | 'courseId'>

/** Enrolments with their entitlements, offerings, codes and projections: the only SQL of this service. */
export const enrollments = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    /** The course's settings, locked: until this transaction ends nobody else enrols there or ends. */
    async lockOffering(key: {
      courseId: CourseId
      organizationId: OrganizationId
    }): Promise<Offering> {
      const locked = db
        .selectFrom('offerings')
        .selectAll()
        .where('courseId', '=', key.courseId)
        .forUpdate()
      const offering = await locked.executeTakeFirst()
      if (offering) return offering
      await db
        .insertInto('offerings')
        .values({
          ...DEFAULT_SETTINGS,
          courseId: key.courseId,
          organizationId: key.organizationId,
          opensAt: null,
          closesAt: null,
          activeCount: 0,
        })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
      return locked.executeTakeFirstOrThrow()
    },

    async findOffering(courseId: CourseId): Promise<Offering | undefined> {
      return db
        .selectFrom('offerings')
        .selectAll()
        .where('courseId', '=', courseId)
        .executeTakeFirst()
    },

    async saveSettings(courseId: CourseId, settings: Settings): Promise<void> {
      await db
        .updateTable('offerings')
        .set({
          ...settings,
          opensAt: atOrNull(settings.opensAt),
          closesAt: atOrNull(settings.closesAt),
        })
        .where('courseId', '=', courseId)
        .execute()
    },

    async find(enrollmentId: EnrollmentId): Promise<Enrollment | undefined> {
      const row = await db
        .selectFrom('enrollments')
        .selectAll()
        .where('enrollmentId', '=', enrollmentId)
        .executeTakeFirst()
      return row && (await withEntitlements([row]))[0]
    },

    async findActive(key: {
      courseId: CourseId
      accountId: AccountId
    }): Promise<Enrollment | undefined> {
      const row = await db
        .selectFrom('enrollments')
        .selectAll()
        .where('courseId', '=', key.courseId)
        .where('accountId', '=', key.accountId)
        .where('endedAt', 'is', null)
        .executeTakeFirst()
      return row && (await withEntitlements([row]))[0]
    },

    /** The enrolment and its entitlement that this source gave and nobody revoked. */
    async findEntitledBy(source: Source, sourceRef: string) {
      return db
        .selectFrom('entitlements')
        .innerJoin('enrollments', 'enrollments.enrollmentId', 'entitlements.enrollmentId')
        .select(['entitlements.entitlementId', 'enrollments.enrollmentId'])
        .where('entitlements.source', '=', source)
        .where('entitlements.sourceRef', '=', sourceRef)
        .where('entitlements.revokedAt', 'is', null)
        .where('enrollments.endedAt', 'is', null)
        .executeTakeFirst()
    },

    /** One row more than `limit`, newest first. */
    async list(filter: EnrollmentFilter): Promise<Enrollment[]> {
      const after = decodeCursor(filter.cursor, 1)
      const { accountId, courseId, state, source } = filter
      const rows = await db
        .selectFrom('enrollments')
        .selectAll()
        .$if(accountId !== undefined, (query) =>
          query.where('accountId', '=', accountId as AccountId),
        )
        .$if(courseId !== undefined, (query) => query.where('courseId', '=', courseId as CourseId))
        .$if(state === 'active', (query) => query.where('endedAt', 'is', null))
        .$if(state === 'ended', (query) => query.where('endedAt', 'is not', null))
        .$if(source !== undefined, (query) =>
          query.where(({ exists, selectFrom }) =>
            exists(
              selectFrom('entitlements')
                .select('entitlementId')
                .whereRef('entitlements.enrollmentId', '=', 'enrollments.enrollmentId')
                .where('entitlements.source', '=', source as Source)
                .where('entitlements.revokedAt', 'is', null),
            ),
          ),
        )
        .$if(after !== undefined, (query) =>
          query.where('enrollmentId', '<', after?.[0] as EnrollmentId),
        )
        .orderBy('enrollmentId', 'desc')
        .limit(filter.limit + 1)
        .execute()
      return withEntitlements(rows)
    },

    /** Active enrolments whose window is over at `now`, earliest first, after `last`. */
    async expiring({
      now,
      last,
      limit,
    }: {
      now: Instant
      last: Expiring | undefined
      limit: number
    }): Promise<Expiring[]> {
      return db
        .selectFrom('enrollments')
        .select(['enrollmentId', 'organizationId', 'endsAt'])
        .where('endedAt', 'is', null)
        .where('endsAt', '<=', at(now))
        .$if(last !== undefined, (query) =>
          query.where(
            sql<boolean>`(ends_at, enrollment_id) > (${atOrNull(last?.endsAt ?? null)}, ${last?.enrollmentId})`,
          ),
        )
        .orderBy('endsAt')
        .orderBy('enrollmentId')
        .limit(limit)
        .execute()
    },

    /** Active enrolments of those who have left the organisation since they enrolled, by course, after `last`. */
    async leftBehind({
      accountId,
      last,
      limit,
    }: {
      accountId?: AccountId
      last?: LeftBehind | undefined
      limit: number
    }): Promise<LeftBehind[]> {
      return db
        .selectFrom('enrollments as enrollment')
        .innerJoin('memberships as membership', (join) =>
          join
            .onRef('membership.organizationId', '=', 'enrollment.organizationId')
            .onRef('membership.accountId', '=', 'enrollment.accountId'),
        )
        .select(['enrollment.enrollmentId', 'enrollment.organizationId', 'enrollment.courseId'])
        .where('enrollment.endedAt', 'is', null)
        .where('membership.leftAt', 'is not', null)
        .whereRef('enrollment.enrolledAt', '<=', 'membership.leftAt')
        .$if(accountId !== undefined, (query) =>
          query.where('enrollment.accountId', '=', accountId as AccountId),
        )
        .$if(last !== undefined, (query) =>
          query.where(
            sql<boolean>`(enrollment.course_id, enrollment.enrollment_id) > (${last?.courseId}, ${last?.enrollmentId})`,
          ),
        )
        .orderBy('enrollment.courseId')
        .orderBy('enrollment.enrollmentId')
        .limit(limit)
        .execute()
    },

    /** Writes what was decided, counts it, and tells the world. The offering is locked by the caller. */
    async save({ enrollment, events, activeDelta }: Change): Promise<void> {
      const { entitlements, ...fields } = enrollment
      const changes = {
        startsAt: at(fields.startsAt),
        endsAt: atOrNull(fields.endsAt),
        endedAt: atOrNull(fields.endedAt),
        endReason: fields.endReason,
      }
      await db
        .insertInto('enrollments')
        .values({ ...fields, ...changes, enrolledAt: at(fields.enrolledAt) })
        .onConflict((conflict) => conflict.column('enrollmentId').doUpdateSet(changes))
        .execute()
      for (const entitlement of entitlements) await saveEntitlement(enrollment, entitlement)
      if (activeDelta !== 0)
        await db
          .updateTable('offerings')
          .set((eb) => ({ activeCount: eb('activeCount', '+', activeDelta) }))
          .where('courseId', '=', enrollment.courseId)
          .execute()
      await writeOutbox(tx, enrollmentEvents, events)
    },

    async insertCode(code: Code): Promise<void> {
      await db
        .insertInto('codes')
        .values({
          ...code,
          expiresAt: atOrNull(code.expiresAt),
          disabledAt: atOrNull(code.disabledAt),
          createdAt: at(code.createdAt),
        })
        .execute()
    },

    async findCode(code: string): Promise<Code | undefined> {
      return db.selectFrom('codes').selectAll().where('code', '=', code).executeTakeFirst()
    },

    /** Takes one use, if there is one left; undefined when there is none or the code is over. */
    async useCode(codeId: Id<'enrollmentCode'>, now: Instant): Promise<Code | undefined> {
      return db
        .updateTable('codes')
        .set((eb) => ({ uses: eb('uses', '+', 1) }))
        .where('codeId', '=', codeId)
        .where('disabledAt', 'is', null)
        .where((eb) => eb.or([eb('expiresAt', 'is', null), eb('expiresAt', '>', at(now))]))
        .whereRef('uses', '<', 'usesMax')
        .returningAll()
        .executeTakeFirst()
    },

    /** The first time it was disabled stays. */
    async disableCode(
      key: { courseId: CourseId; codeId: Id<'enrollmentCode'> },
      now: Instant,
    ): Promise<Code | undefined> {
      return db
        .updateTable('codes')
        .set({ disabledAt: sql<Instant>`coalesce(disabled_at, ${at(now)})` })
        .where('codeId', '=', key.codeId)
        .where('courseId', '=', key.courseId)
        .returningAll()
        .executeTakeFirst()
    },

    /** One row more than `limit`, newest first. */
    async listCodes(
      courseId: CourseId,
      { cursor, limit }: { cursor?: string | undefined; limit: number },
    ): Promise<Code[]> {
      const after = decodeCursor(cursor, 1)
      return db
        .selectFrom('codes')
        .selectAll()
        .where('courseId', '=', courseId)
        .$if(after !== undefined, (query) =>
          query.where('codeId', '<', after?.[0] as Id<'enrollmentCode'>),
        )
        .orderBy('codeId', 'desc')
        .limit(limit + 1)
        .execute()
    },

    /** Which of these courses the account has completed. */
    async completedOf(accountId: AccountId, courseIds: readonly CourseId[]): Promise<CourseId[]> {
      if (courseIds.length === 0) return []
      const rows = await db
        .selectFrom('completions')
        .select('courseId')
        .where('accountId', '=', accountId)
        .where('courseId', 'in', courseIds)
        .execute()
      return rows.map(({ courseId }) => courseId)
    },

    async addCompletion(completion: {
      accountId: AccountId
      courseId: CourseId
      organizationId: OrganizationId
      completedAt: Instant
    }): Promise<void> {
      await db
        .insertInto('completions')
        .values({ ...completion, completedAt: at(completion.completedAt) })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    },

    async findPrerequisites(courseId: CourseId): Promise<Prerequisites | undefined> {
      return db
        .selectFrom('prerequisites')
        .select(['versionId', 'prerequisiteIds'])
        .where('courseId', '=', courseId)
        .executeTakeFirst()
    },

    /** Stale news loses. */
    async putPrerequisites(row: Tables['prerequisites']): Promise<void> {
      const { courseId: _, organizationId: __, ...changes } = row
      await db
        .insertInto('prerequisites')
        .values(row)
        .onConflict((conflict) =>
          conflict
            .column('courseId')
            .doUpdateSet(changes)
            .where('prerequisites.sequence', '<', row.sequence),
        )
        .execute()
    },

    /**
     * Whether the seat was not revoked. Until this transaction ends nobody else gives it, and nobody revokes it.
     */
    async lockSeat({
      seatId,
      organizationId,
    }: Pick<WaitingSeat, 'seatId' | 'organizationId'>): Promise<boolean> {
      const { revokedAt } = await db
        .insertInto('seats')
        .values({ seatId, organizationId, revokedAt: null })
        .onConflict((conflict) =>
          conflict.column('seatId').doUpdateSet((eb) => ({ seatId: eb.ref('excluded.seatId') })),
        )
        .returning('revokedAt')
        .executeTakeFirstOrThrow()
      return revokedAt === null
    },

    /** Waits for whoever is giving the seat: what they gave is seen after it. */
    async revokeSeat(
      { seatId, organizationId }: Pick<WaitingSeat, 'seatId' | 'organizationId'>,
      now: Instant,
    ): Promise<void> {
      await db
        .insertInto('seats')
        .values({ seatId, organizationId, revokedAt: at(now) })
        .onConflict((conflict) => conflict.column('seatId').doUpdateSet({ revokedAt: at(now) }))
        .execute()
    },

    async addWaitingSeat(seat: WaitingSeat, now: Instant): Promise<void> {
      await db
        .insertInto('waitingSeats')
        .values({ ...seat, claimedAt: at(now) })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    },

    async removeWaitingSeat(seatId: Id<'seat'>): Promise<void> {
      await db.deleteFrom('waitingSeats').where('seatId', '=', seatId).execute()
    },

    /** Takes waiting seats whose course is known by now, and which nobody else is taking. */
    async takeWaitingSeats({
      courseId,
      limit,
    }: {
      courseId?: CourseId
      limit: number
    }): Promise<WaitingSeat[]> {
      return db
        .deleteFrom('waitingSeats')
        .where('seatId', 'in', (eb) =>
          eb
            .selectFrom('waitingSeats as waiting')
            .innerJoin('prerequisites', 'prerequisites.courseId', 'waiting.courseId')
            .select('waiting.seatId')
            .$if(courseId !== undefined, (query) =>
              query.where('waiting.courseId', '=', courseId as CourseId),
            )
            .orderBy('waiting.seatId')
            .limit(limit)
            .forUpdate('waiting')
            .skipLocked(),
        )
        .returning(['seatId', 'organizationId', 'courseId', 'accountId'])
        .execute()
    },
  }

  async function saveEntitlement(
    { enrollmentId, organizationId }: Enrollment,
    entitlement: Entitlement,
  ): Promise<void> {
    const changes = {
      startsAt: at(entitlement.startsAt),
      endsAt: atOrNull(entitlement.endsAt),
      revokedAt: atOrNull(entitlement.revokedAt),
    }
    await db
      .insertInto('entitlements')
      .values({ ...entitlement, ...changes, enrollmentId, organizationId })
      .onConflict((conflict) => conflict.column('entitlementId').doUpdateSet(changes))
      .execute()
  }

  async function withEntitlements(
    rows: readonly Selectable<Tables['enrollments']>[],
  ): Promise<Enrollment[]> {
    if (rows.length === 0) return []
    const entitlements = await db
      .selectFrom('entitlements')
      .selectAll()
      .where(
        'enrollmentId',
        'in',
        rows.map(({ enrollmentId }) => enrollmentId),
      )
      .orderBy('entitlementId')
      .execute()
    const byEnrollment = Map.groupBy(entitlements, ({ enrollmentId }) => enrollmentId)
    return rows.map((row) => ({
      ...row,
      entitlements: (byEnrollment.get(row.enrollmentId) ?? []).map(toEntitlement),
    }))
  }
}

/** Who belongs to an organisation, as the organization service tells. */
export const memberships = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    /** Stale news loses. Who leaves is remembered to have left at `now`, also when they come back. */
    async put(membership: Membership, { sequence, now }: { sequence: number; now: Instant }) {
      const { isMember } = membership
      const changes = { isMember, sequence, ...(!isMember && { leftAt: at(now) }) }
      await db
        .insertInto('memberships')
        .values({ leftAt: null, ...membership, ...changes })
        .onConflict((conflict) =>
          conflict
            .columns(['organizationId', 'accountId'])
            .doUpdateSet(changes)
            .where(sql<boolean>`memberships.sequence < ${sequence}`),
        )
        .execute()
    },

    /**
     * Which of the accounts are members, and which have left; of the others nothing is known yet. It stays so until
     * this transaction ends. Asked for all at once and before the offering is locked, as whoever ends a membership does.
     */
    async lock(
      organizationId: OrganizationId,
      accountIds: readonly AccountId[],
    ): Promise<ReadonlyMap<AccountId, 'member' | 'left'>> {
      const rows = await db
        .selectFrom('memberships')
        .select(['accountId', 'isMember'])
        .where('organizationId', '=', organizationId)
        .where('accountId', 'in', accountIds)
        .orderBy('accountId')
        .forShare()
        .execute()
      return new Map(
        rows.map(({ accountId, isMember }) => [accountId, isMember ? 'member' : 'left']),
      )
    },
  }
}

export type Prerequisites = {
  readonly versionId: CourseVersionId
  readonly prerequisiteIds: readonly CourseId[]
}

type Tables = {
  offerings: Omit<Offering, 'opensAt' | 'closesAt'> & {
    opensAt: NullableInstantColumn
    closesAt: NullableInstantColumn
  }
  enrollments: Omit<
    Enrollment,
    'entitlements' | 'enrolledAt' | 'startsAt' | 'endsAt' | 'endedAt'
  > & {
    enrolledAt: InstantColumn
    startsAt: InstantColumn
    endsAt: NullableInstantColumn
    endedAt: NullableInstantColumn
  }
  entitlements: {
    entitlementId: Id<'entitlement'>
    enrollmentId: EnrollmentId
    organizationId: OrganizationId
    source: Source
    sourceRef: string
    startsAt: InstantColumn
    endsAt: NullableInstantColumn
    revokedAt: NullableInstantColumn
  }
  codes: Omit<Code, 'expiresAt' | 'disabledAt' | 'createdAt'> & {
    expiresAt: NullableInstantColumn
    disabledAt: NullableInstantColumn
    createdAt: InstantColumn
  }
  completions: {
    accountId: AccountId
    courseId: CourseId
    organizationId: OrganizationId
    completedAt: InstantColumn
  }
  prerequisites: {
    courseId: CourseId
    organizationId: OrganizationId
    versionId: CourseVersionId
    prerequisiteIds: CourseId[]
    sequence: number
  }
  waitingSeats: WaitingSeat & { claimedAt: InstantColumn }
  seats: Pick<WaitingSeat, 'seatId' | 'organizationId'> & { revokedAt: NullableInstantColumn }
  memberships: Membership & { leftAt: NullableInstantColumn; sequence: number }
}

const toEntitlement = ({
  enrollmentId: _,
  organizationId: __,
  ...entitlement
}: Selectable<Tables['entitlements']>): Entitlement => entitlement
