import { sql } from 'kysely'
import { type JsonColumn, json } from '../../../shared/db/columns.ts'
import type { Tx } from '../../../shared/db/transaction.ts'
import type { CertificateRule } from '../../../shared/events/course-outline.ts'
import type {
  AccountId,
  AssessmentId,
  CourseId,
  CourseVersionId,
  OrganizationId,
} from '../../../shared/kernel/id.ts'
import type { Grades, VersionFacts } from '../domain/rule.ts'

export type Person = { readonly name: string | null; readonly email: string | null }

export type Grade = {
  readonly accountId: AccountId
  readonly assessmentId: AssessmentId
  readonly organizationId: OrganizationId
  readonly gradeBasisPoints: number
  readonly resultNumber: number
}

/** What others have told us and a certificate speaks of: versions, grades, names. */
export const facts = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    /** A version never changes: a repeated one is the same. */
    async rememberVersion(
      version: VersionFacts & {
        versionId: CourseVersionId
        courseId: CourseId
        organizationId: OrganizationId
      },
    ): Promise<void> {
      await db
        .insertInto('versions')
        .values({
          ...version,
          gradedBy: [...version.gradedBy],
          certificateRule: json(version.certificateRule),
        })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    },

    async findVersion(versionId: CourseVersionId): Promise<VersionFacts | undefined> {
      return db
        .selectFrom('versions')
        .select(['number', 'title', 'certificateRule', 'gradedBy'])
        .where('versionId', '=', versionId)
        .executeTakeFirst()
    },

    /** Stale results lose. */
    async rememberGrade(grade: Grade): Promise<void> {
      await db
        .insertInto('grades')
        .values(grade)
        .onConflict((conflict) =>
          conflict
            .columns(['accountId', 'assessmentId'])
            .doUpdateSet(grade)
            .where(sql<boolean>`grades.result_number < ${grade.resultNumber}`),
        )
        .execute()
    },

    async gradesOf(accountId: AccountId, assessmentIds: readonly AssessmentId[]): Promise<Grades> {
      if (assessmentIds.length === 0) return new Map()
      const rows = await db
        .selectFrom('grades')
        .select(['assessmentId', 'gradeBasisPoints'])
        .where('accountId', '=', accountId)
        .where('assessmentId', 'in', assessmentIds)
        .execute()
      return new Map(rows.map((row) => [row.assessmentId, row.gradeBasisPoints]))
    },

    async findPerson(accountId: AccountId): Promise<Person | undefined> {
      return db
        .selectFrom('people')
        .select(['name', 'email'])
        .where('accountId', '=', accountId)
        .executeTakeFirst()
    },

    /** As they signed up; fills only what no later change has told. */
    async rememberSignUp(accountId: AccountId, person: Person): Promise<void> {
      await db
        .insertInto('people')
        .values({ accountId, ...person, ...UNTOLD })
        .onConflict((conflict) =>
          conflict.column('accountId').doUpdateSet({
            name: sql`coalesce(people.name, excluded.name)`,
            email: sql`coalesce(people.email, excluded.email)`,
          }),
        )
        .execute()
    },

    /** A change that the person made; stale news loses. @param sequence of the user service's stream. */
    async changePerson(
      accountId: AccountId,
      change: { name: string } | { email: string },
      sequence: number,
    ): Promise<void> {
      const isName = 'name' in change
      const news = {
        ...change,
        ...(isName ? { nameSequence: sequence } : { emailSequence: sequence }),
      }
      await db
        .insertInto('people')
        .values({ accountId, name: null, email: null, ...UNTOLD, ...news })
        .onConflict((conflict) =>
          conflict
            .column('accountId')
            .doUpdateSet(news)
            .where(isName ? 'people.nameSequence' : 'people.emailSequence', '<', sequence),
        )
        .execute()
    },

    async rememberOrganization(organization: Tables['organizations']): Promise<void> {
      await db
        .insertInto('organizations')
        .values(organization)
        .onConflict((conflict) =>
          conflict
            .column('organizationId')
            .doUpdateSet(organization)
            .where(sql<boolean>`organizations.sequence < ${organization.sequence}`),
        )
        .execute()
    },

    async organizationName(organizationId: OrganizationId): Promise<string | undefined> {
      const row = await db
        .selectFrom('organizations')
        .select('name')
        .where('organizationId', '=', organizationId)
        .executeTakeFirst()
      return row?.name
    },
  }
}

/** Of whom no change has been heard. */
const UNTOLD = { sequence: 0, nameSequence: 0, emailSequence: 0 }

type Tables = {
  versions: {
    versionId: CourseVersionId
    courseId: CourseId
    organizationId: OrganizationId
    number: number
    title: string
    certificateRule: JsonColumn<CertificateRule>
    gradedBy: AssessmentId[]
  }
  grades: Grade
  people: {
    accountId: AccountId
    name: string | null
    email: string | null
    nameSequence: number
    emailSequence: number
    /** Of both together, in installations of before they were told apart. */
    sequence: number
  }
  organizations: { organizationId: OrganizationId; name: string; sequence: number }
}
