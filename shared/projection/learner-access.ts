import { sql } from 'kysely'
import type { Reactions, Received } from '../bus/reaction.ts'
import type { enrollmentContract } from '../contracts/enrollment.ts'
import { at, atOrNull, type InstantColumn, type NullableInstantColumn } from '../db/columns.ts'
import type { Tx } from '../db/transaction.ts'
import type { Client, Forwarded } from '../http/client.ts'
import type {
  AccountId,
  CourseId,
  CourseVersionId,
  EnrollmentId,
  OrganizationId,
} from '../kernel/id.ts'
import { type Instant, instantOf } from '../kernel/time.ts'

/**
 * What a service remembers of who may learn where. The table comes from
 * `call hub.create_learner_access('<schema>')` in the service's migration.
 */
export type Access = {
  readonly enrollmentId: EnrollmentId
  readonly courseId: CourseId
  readonly accountId: AccountId
  readonly organizationId: OrganizationId
  /** The version the learner is pinned to. */
  readonly versionId: CourseVersionId
  readonly startsAt: Instant
  readonly endsAt: Instant | null
}

export type EnrollmentClient = Pick<Client<typeof enrollmentContract>, 'getOwnAccess'>

type Learner = { readonly courseId: CourseId; readonly accountId: AccountId }

export const learnerAccess = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    /** The access that is live at `now`: active and inside its window. */
    async find({ courseId, accountId }: Learner, now: Instant): Promise<Access | undefined> {
      const row = await db
        .selectFrom('learnerAccess')
        .selectAll()
        .where('courseId', '=', courseId)
        .where('accountId', '=', accountId)
        .where('isActive', '=', true)
        .where('startsAt', '<=', at(now))
        .where((eb) => eb.or([eb('endsAt', 'is', null), eb('endsAt', '>', at(now))]))
        .executeTakeFirst()
      if (!row) return undefined
      const { isActive: _, sequence: __, ...access } = row
      return access
    },

    /**
     * As `find`; who is not remembered is asked for once, so that an enrolment counts from the moment it was
     * answered and not from when its event arrives.
     *
     * @throws `enrollment.no_access` (404) when the caller may not learn there now.
     */
    async findOrAsk(
      learner: Learner & { readonly organizationId: OrganizationId },
      { client, as, now }: { client: EnrollmentClient; as: Forwarded; now: Instant },
    ): Promise<Access> {
      const known = await this.find(learner, now)
      if (known) return known
      const asked = await client.getOwnAccess({ query: { courseId: learner.courseId } }, as)
      const access: Access = {
        ...learner,
        enrollmentId: asked.enrollmentId,
        versionId: asked.versionId,
        startsAt: instantOf(asked.startsAt),
        endsAt: asked.endsAt === null ? null : instantOf(asked.endsAt),
      }
      await put(access, { isActive: true, sequence: 0 })
      return access
    },

    put,

    /**
     * Stale news loses: only a later event of the same enrolment changes it. Of whom nothing was heard before, the end
     * is kept as well: a beginning that was parked and comes after it opens nothing.
     */
    async end(
      {
        endedAt,
        ...learner
      }: Omit<Access, 'versionId' | 'startsAt' | 'endsAt'> & { endedAt: Instant },
      sequence: number,
    ): Promise<void> {
      const window = { startsAt: at(endedAt), endsAt: at(endedAt) }
      await db
        .insertInto('learnerAccess')
        .values({ ...learner, ...window, versionId: NEVER_PINNED, isActive: false, sequence })
        .onConflict((conflict) =>
          conflict
            .column('enrollmentId')
            .doUpdateSet({ isActive: false, sequence })
            .where(sql<boolean>`learner_access.sequence < ${sequence}`),
        )
        .execute()
    },
  }

  async function put(
    access: Access,
    { isActive, sequence }: { isActive: boolean; sequence: number },
  ): Promise<void> {
    const { enrollmentId, ...fields } = access
    const changes = {
      ...fields,
      startsAt: at(access.startsAt),
      endsAt: atOrNull(access.endsAt),
      isActive,
      sequence,
    }
    await db
      .insertInto('learnerAccess')
      .values({ enrollmentId, ...changes })
      .onConflict((conflict) =>
        conflict
          .column('enrollmentId')
          .doUpdateSet(changes)
          .where(sql<boolean>`learner_access.sequence < ${sequence}`),
      )
      .execute()
  }
}

async function remember({
  data,
  event,
  tx,
}: Received<'enrollment.activated' | 'enrollment.window_changed'>): Promise<void> {
  const access: Access = {
    enrollmentId: data.enrollmentId,
    courseId: data.courseId,
    accountId: data.accountId,
    organizationId: data.organizationId,
    versionId: data.versionId,
    startsAt: instantOf(data.startsAt),
    endsAt: data.endsAt === null ? null : instantOf(data.endsAt),
  }
  await learnerAccess(tx).put(access, { isActive: true, sequence: event.sequence })
}

/** Spread into a service's reactions to keep its learner access. */
export const learnerAccessReactions = {
  'enrollment.activated': remember,
  'enrollment.window_changed': remember,
  async 'enrollment.ended'({ data, event, tx }) {
    const { enrollmentId, courseId, accountId, organizationId } = data
    const endedAt = instantOf(data.endedAt)
    await learnerAccess(tx).end(
      { enrollmentId, courseId, accountId, organizationId, endedAt },
      event.sequence,
    )
  },
} satisfies Reactions<unknown>

// Stands where an end came first; nobody reads the version of an access that is not live.
const NEVER_PINNED = '' as CourseVersionId

type Tables = {
  learnerAccess: {
    enrollmentId: EnrollmentId
    courseId: CourseId
    accountId: AccountId
    organizationId: OrganizationId
    versionId: CourseVersionId
    startsAt: InstantColumn
    endsAt: NullableInstantColumn
    isActive: boolean
    sequence: number
  }
}
