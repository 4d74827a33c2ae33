import { type Selectable, sql } from 'kysely'
import {
  at,
  atOrNull,
  type InstantColumn,
  type JsonColumn,
  json,
  type NullableInstantColumn,
} from '../../shared/db/columns.ts'
import { isUniqueViolation } from '../../shared/db/open.ts'
import type { Tx } from '../../shared/db/transaction.ts'
import { type CourseEvent, courseEvents } from '../../shared/events/course.ts'
import type { CertificateRule, CompletionRule, Item } from '../../shared/events/course-outline.ts'
import type {
  AccountId,
  CourseId,
  CourseVersionId,
  Id,
  OrganizationId,
} from '../../shared/kernel/id.ts'
import { cursorInstant, cursorInteger, decodeCursor } from '../../shared/kernel/page.ts'
import { writeOutbox } from '../../shared/outbox/write.ts'
import type { Course, Module, Version, Visibility } from './domain.ts'
import { categoryExists, slugTaken } from './errors.ts'

export type Category = {
  readonly categoryId: Id<'category'>
  readonly organizationId: OrganizationId
  readonly slug: string
  readonly name: string
}

export type CatalogueFilter = {
  readonly q?: string | undefined
  readonly categoryId?: Id<'category'> | undefined
  readonly language?: string | undefined
  readonly cursor?: string | undefined
  readonly limit: number
}

/** Prerequisites are followed so far; the contract allows 20 a course. */
const PREREQUISITE_DEPTH_MAX = 50

/** Courses, their versions, slugs and categories: the only SQL of this service. */
export const courses = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    /** @throws `course.slug_taken` */
    async insert(course: Course): Promise<void> {
      await db.insertInto('courses').values(toRow(course)).execute()
      await claimSlug(course)
    },

    async find(courseId: CourseId): Promise<Course | undefined> {
      const row = await db
        .selectFrom('courses')
        .selectAll()
        .where('courseId', '=', courseId)
        .executeTakeFirst()
      return row && toCourse(row)
    },

    /** As `find`, and nobody else changes the course until this transaction ends. */
    async findForUpdate(courseId: CourseId): Promise<Course | undefined> {
      const row = await db
        .selectFrom('courses')
        .selectAll()
        .where('courseId', '=', courseId)
        .forUpdate()
        .executeTakeFirst()
      return row && toCourse(row)
    },

    /** @throws `course.slug_taken` */
    async save(course: Course): Promise<void> {
      const { courseId, organizationId: _, createdAt: __, ...changes } = toRow(course)
      await db.updateTable('courses').set(changes).where('courseId', '=', courseId).execute()
      await claimSlug(course)
    },

    async insertVersion(version: Version): Promise<void> {
      await db
        .insertInto('versions')
        .values({
          ...version,
          categoryIds: [...version.categoryIds],
          prerequisiteIds: [...version.prerequisiteIds],
          items: json(version.items),
          completionRule: json(version.completionRule),
          certificateRule: json(version.certificateRule),
          publishedAt: at(version.publishedAt),
        })
        .execute()
    },

    async findVersion(key: {
      courseId: CourseId
      versionId: CourseVersionId
    }): Promise<Version | undefined> {
      return db
        .selectFrom('versions')
        .select(VERSION_COLUMNS)
        .where('courseId', '=', key.courseId)
        .where('versionId', '=', key.versionId)
        .executeTakeFirst()
    },

    /** One row more than `limit`, newest first. */
    async listVersions(
      courseId: CourseId,
      { cursor, limit }: { cursor?: string | undefined; limit: number },
    ): Promise<Version[]> {
      const after = decodeCursor(cursor, 1)
      return db
        .selectFrom('versions')
        .select(VERSION_COLUMNS)
        .where('courseId', '=', courseId)
        .$if(after !== undefined, (query) => query.where('number', '<', cursorInteger(after?.[0])))
        .orderBy('number', 'desc')
        .limit(limit + 1)
        .execute()
    },

    /** The course as its published version shows it; undefined while there is none. */
    async findPublished(courseId: CourseId): Promise<Course | undefined> {
      const row = await asPublished().where('course.courseId', '=', courseId).executeTakeFirst()
      return row && toCourse(row)
    },

    /** Published, public, not archived; one row more than `limit`, newest first. */
    async catalogue(filter: CatalogueFilter): Promise<Course[]> {
      const after = decodeCursor(filter.cursor, 2)
      const rows = await asPublished()
        .where('course.archivedAt', 'is', null)
        .where('course.visibility', '=', 'public')
        .$if(filter.q !== undefined, (query) =>
          query.where(sql<boolean>`version.search @@ websearch_to_tsquery('simple', ${filter.q})`),
        )
        .$if(filter.categoryId !== undefined, (query) =>
          query.where(sql<boolean>`${filter.categoryId} = any(version.category_ids)`),
        )
        .$if(filter.language !== undefined, (query) =>
          query.where('version.language', '=', filter.language ?? ''),
        )
        .$if(after !== undefined, (query) =>
          query.where(
            sql<boolean>`(course.published_at, course.course_id) < (${at(cursorInstant(after?.[0]))}, ${after?.[1]})`,
          ),
        )
        .orderBy('course.publishedAt', 'desc')
        .orderBy('course.courseId', 'desc')
        .limit(filter.limit + 1)
        .execute()
      return rows.map(toCourse)
    },

    /** Every course that the account teaches; one row more than `limit`, newest first. */
    async taughtBy(
      accountId: AccountId,
      { cursor, limit }: { cursor?: string | undefined; limit: number },
    ): Promise<Course[]> {
      const after = decodeCursor(cursor, 1)
      const rows = await db
        .selectFrom('courses')
        .selectAll()
        .where(sql<boolean>`instructor_ids @> array[${accountId}]`)
        .$if(after !== undefined, (query) => query.where('courseId', '<', after?.[0] as CourseId))
        .orderBy('courseId', 'desc')
        .limit(limit + 1)
        .execute()
      return rows.map(toCourse)
    },

    /** Courses of the organisation that the account teaches with others, locked; by id, so that no two wait crosswise. */
    async lockTaughtWithOthers({
      organizationId,
      accountId,
      limit,
    }: Omit<Membership, 'isMember'> & { limit: number }): Promise<Course[]> {
      const rows = await db
        .selectFrom('courses')
        .selectAll()
        .where('organizationId', '=', organizationId)
        .where(sql<boolean>`instructor_ids @> array[${accountId}]`)
        .where(sql<boolean>`cardinality(instructor_ids) > 1`)
        .orderBy('courseId')
        .limit(limit)
        .forUpdate()
        .execute()
      return rows.map(toCourse)
    },

    /** @returns whether this is the newest news of the membership; stale news loses. */
    async putMembership(
      { organizationId, accountId, isMember }: Membership,
      sequence: number,
    ): Promise<boolean> {
      const row = await db
        .insertInto('memberships')
        .values({ organizationId, accountId, isMember, sequence })
        .onConflict((conflict) =>
          conflict
            .columns(['organizationId', 'accountId'])
            .doUpdateSet({ isMember, sequence })
            .where(sql<boolean>`memberships.sequence < ${sequence}`),
        )
        .returning('accountId')
        .executeTakeFirst()
      return row !== undefined
    },

    /**
     * Whether somebody belongs to the course's organisation, and does so until this transaction ends. Asked before the
     * course is locked, as whoever ends a membership does.
     */
    async lockMember({
      courseId,
      accountId,
    }: {
      courseId: CourseId
      accountId: AccountId
    }): Promise<boolean> {
      const row = await db
        .selectFrom('memberships')
        .innerJoin('courses', 'courses.organizationId', 'memberships.organizationId')
        .select('memberships.accountId')
        .where('courses.courseId', '=', courseId)
        .where('memberships.accountId', '=', accountId)
        .where('memberships.isMember', '=', true)
        .forShare('memberships')
        .executeTakeFirst()
      return row !== undefined
    },

    async findBySlug(slug: string): Promise<Course | undefined> {
      const row = await db
        .selectFrom('courses')
        .selectAll()
        .where('courseId', '=', (eb) =>
          eb.selectFrom('slugs').select('courseId').where('slug', '=', slug),
        )
        .executeTakeFirst()
      return row && toCourse(row)
    },

    /** How many of these courses exist. */
    async countCourses(courseIds: readonly CourseId[]): Promise<number> {
      const { count } = await db
        .selectFrom('courses')
        .select(sql<number>`count(*)`.as('count'))
        .where(sql<boolean>`course_id = any(${[...courseIds]})`)
        .executeTakeFirstOrThrow()
      return count
    },

    /** Every course that these lead to by way of prerequisites. */
    async prerequisitesOf(courseIds: readonly CourseId[]): Promise<CourseId[]> {
      const { rows } = await sql<{ courseId: CourseId }>`
        with recursive led(course_id, depth) as (
          select unnest(${[...courseIds]}::text[]), 0
          union
          select unnest(c.prerequisite_ids), led.depth + 1
          from led join course.courses c using (course_id)
          where led.depth < ${PREREQUISITE_DEPTH_MAX}
        )
        select distinct course_id from led`.execute(db)
      return rows.map(({ courseId }) => courseId)
    },

    async countCategories(categoryIds: readonly Id<'category'>[]): Promise<number> {
      const { count } = await db
        .selectFrom('categories')
        .select(sql<number>`count(*)`.as('count'))
        .where(sql<boolean>`category_id = any(${[...categoryIds]})`)
        .executeTakeFirstOrThrow()
      return count
    },

    /** One row more than `limit`, by slug. */
    async listCategories({
      cursor,
      limit,
    }: {
      cursor?: string | undefined
      limit: number
    }): Promise<Category[]> {
      const after = decodeCursor(cursor, 1)
      return db
        .selectFrom('categories')
        .selectAll()
        .$if(after !== undefined, (query) => query.where('slug', '>', after?.[0] ?? ''))
        .orderBy('slug')
        .limit(limit + 1)
        .execute()
    },

    /** @throws `course.category_exists` */
    async insertCategory(category: Category): Promise<void> {
      try {
        await db.insertInto('categories').values(category).execute()
      } catch (error) {
        throw isUniqueViolation(error, 'categories_slug') ? categoryExists(category.slug) : error
      }
    },

    async isLearner({ courseId, accountId }: Learner): Promise<boolean> {
      const learns = db
        .selectFrom('learnerAccess')
        .select('courseId')
        .where('courseId', '=', courseId)
        .where('accountId', '=', accountId)
        .where('isActive', '=', true)
      const learnt = db
        .selectFrom('learners')
        .select('courseId')
        .where('courseId', '=', courseId)
        .where('accountId', '=', accountId)
      return (await learns.unionAll(learnt).limit(1).executeTakeFirst()) !== undefined
    },

    /** Of those who were known before enrolments were told apart. */
    async forgetLearner({ courseId, accountId }: Learner): Promise<void> {
      await db
        .deleteFrom('learners')
        .where('courseId', '=', courseId)
        .where('accountId', '=', accountId)
        .execute()
    },

    emit: (events: readonly CourseEvent[]) => writeOutbox(tx, courseEvents, events),
  }

  // The draft's own columns, with what the world sees of them taken from the version that stands.
  function asPublished() {
    return db
      .selectFrom('courses as course')
      .innerJoin('versions as version', 'version.versionId', 'course.publishedVersionId')
      .selectAll('course')
      .select([
        'version.title',
        'version.summary',
        'version.description',
        'version.language',
        'version.categoryIds',
        'version.prerequisiteIds',
      ])
  }

  // Former slugs stay claimed: taking one back is free, taking another course's is refused.
  async function claimSlug({ organizationId, slug, courseId }: Course): Promise<void> {
    const owner = await db
      .insertInto('slugs')
      .values({ organizationId, slug, courseId })
      .onConflict((conflict) =>
        conflict
          .constraint('slugs_taken')
          .doUpdateSet({ slug })
          .where('slugs.courseId', '=', courseId),
      )
      .returning('courseId')
      .executeTakeFirst()
    if (!owner) throw slugTaken(slug)
  }
}

type Learner = { readonly courseId: CourseId; readonly accountId: AccountId }

type Membership = {
  readonly organizationId: OrganizationId
  readonly accountId: AccountId
  readonly isMember: boolean
}

type Tables = {
  courses: CourseRow
  versions: VersionRow
  slugs: { organizationId: OrganizationId; slug: string; courseId: CourseId }
  categories: Category
  learners: Learner
  /** Fed by `learnerAccessReactions`. */
  learnerAccess: Learner & { isActive: boolean }
  memberships: Membership & { sequence: number }
}

type CourseRow = {
  courseId: CourseId
  organizationId: OrganizationId
  slug: string
  title: string
  summary: string
  description: string
  language: string
  visibility: Visibility
  categoryIds: Id<'category'>[]
  prerequisiteIds: CourseId[]
  instructorIds: AccountId[]
  outline: JsonColumn<readonly Module[]>
  completionRule: JsonColumn<CompletionRule>
  certificateRule: JsonColumn<CertificateRule>
  revision: number
  createdAt: InstantColumn
  archivedAt: NullableInstantColumn
  publishedVersionId: CourseVersionId | null
  publishedNumber: number | null
  publishedRevision: number | null
  publishedTitle: string | null
  publishedAt: NullableInstantColumn
}

type VersionRow = {
  versionId: CourseVersionId
  courseId: CourseId
  organizationId: OrganizationId
  number: number
  title: string
  summary: string
  description: string
  language: string
  categoryIds: Id<'category'>[]
  prerequisiteIds: CourseId[]
  items: JsonColumn<readonly Item[]>
  completionRule: JsonColumn<CompletionRule>
  certificateRule: JsonColumn<CertificateRule>
  publishedAt: InstantColumn
}

const VERSION_COLUMNS = [
  'versionId',
  'courseId',
  'organizationId',
  'number',
  'title',
  'summary',
  'description',
  'language',
  'categoryIds',
  'prerequisiteIds',
  'items',
  'completionRule',
  'certificateRule',
  'publishedAt',
] as const satisfies readonly (keyof VersionRow)[]

const toRow = (course: Course) => {
  const { published, ...fields } = course
  return {
    ...fields,
    categoryIds: [...course.categoryIds],
    prerequisiteIds: [...course.prerequisiteIds],
    instructorIds: [...course.instructorIds],
    outline: json(course.outline),
    completionRule: json(course.completionRule),
    certificateRule: json(course.certificateRule),
    createdAt: at(course.createdAt),
    archivedAt: atOrNull(course.archivedAt),
    publishedVersionId: published?.versionId ?? null,
    publishedNumber: published?.number ?? null,
    publishedRevision: published?.revision ?? null,
    publishedTitle: published?.title ?? null,
    publishedAt: atOrNull(published?.at ?? null),
  }
}

const toCourse = (row: Selectable<CourseRow>): Course => {
  const { publishedVersionId, publishedNumber, publishedRevision, publishedAt, ...others } = row
  const { publishedTitle, ...course } = others
  const isPublished = publishedVersionId !== null && publishedNumber !== null
  return {
    ...course,
    published:
      isPublished && publishedRevision !== null && publishedAt !== null
        ? {
            versionId: publishedVersionId,
            number: publishedNumber,
            revision: publishedRevision,
            title: publishedTitle ?? course.title,
            at: publishedAt,
          }
        : null,
  }
}
