import { sql } from 'kysely'
import {
  at,
  atOrNull,
  type InstantColumn,
  type JsonColumn,
  json,
  type NullableInstantColumn,
} from '../../../shared/db/columns.ts'
import { isUniqueViolation } from '../../../shared/db/open.ts'
import type { Tx } from '../../../shared/db/transaction.ts'
import { type CertificateEvent, certificateEvents } from '../../../shared/events/certificate.ts'
import type { AccountId, CertificateId, CourseId } from '../../../shared/kernel/id.ts'
import { decodeCursor, type Paging } from '../../../shared/kernel/page.ts'
import type { Instant } from '../../../shared/kernel/time.ts'
import { writeOutbox } from '../../../shared/outbox/write.ts'
import type { Certificate, Pdf, Snapshot, State } from '../domain/certificate.ts'
import { certificateInProgress } from '../errors.ts'

export const certificates = (tx: Tx) => {
  const db = tx.tables<Tables>()
  const newest = (query: Paging) => {
    const after = decodeCursor(query.cursor, 1)
    return db
      .selectFrom('certificates')
      .selectAll()
      .$if(after !== undefined, (rows) =>
        rows.where(
          sql<boolean>`(requested_at, certificate_id) < (
            select requested_at, certificate_id from certificate.certificates where certificate_id = ${after?.[0]})`,
        ),
      )
      .orderBy('requestedAt', 'desc')
      .orderBy('certificateId', 'desc')
      .limit(query.limit + 1)
  }
  return {
    /** @returns false when the learner has one of this number in the course; waits for whoever is just making it. */
    async insertFirst(certificate: Certificate): Promise<boolean> {
      const row = await db
        .insertInto('certificates')
        .values(toRow(certificate))
        .onConflict((conflict) => conflict.constraint('certificates_number').doNothing())
        .returning('certificateId')
        .executeTakeFirst()
      return row !== undefined
    },

    /** @throws `certificate.in_progress` when somebody else has just made the successor. */
    async insertSuccessor(certificate: Certificate): Promise<void> {
      try {
        await db.insertInto('certificates').values(toRow(certificate)).execute()
      } catch (error) {
        throw isUniqueViolation(error, 'certificates_number') ? certificateInProgress() : error
      }
    },

    async save(certificate: Certificate): Promise<void> {
      const { certificateId, ...changes } = toRow(certificate)
      await db
        .updateTable('certificates')
        .set(changes)
        .where('certificateId', '=', certificateId)
        .execute()
    },

    async find(certificateId: CertificateId): Promise<Certificate | undefined> {
      return byId(certificateId).executeTakeFirst()
    },

    async findForUpdate(certificateId: CertificateId): Promise<Certificate | undefined> {
      return byId(certificateId).forUpdate().executeTakeFirst()
    },

    /** The newest of a learner in a course, locked. */
    async findNewestForUpdate({
      accountId,
      courseId,
    }: {
      accountId: AccountId
      courseId: CourseId
    }): Promise<Certificate | undefined> {
      return db
        .selectFrom('certificates')
        .selectAll()
        .where('accountId', '=', accountId)
        .where('courseId', '=', courseId)
        .orderBy('number', 'desc')
        .limit(1)
        .forUpdate()
        .executeTakeFirst()
    },

    /** Whether what will supersede it is being issued at the moment. */
    async isBeingReplaced({ certificateId }: Pick<Certificate, 'certificateId'>): Promise<boolean> {
      const row = await db
        .selectFrom('certificates')
        .select('certificateId')
        .where('supersedesId', '=', certificateId)
        .where('state', '=', 'issuing')
        .limit(1)
        .executeTakeFirst()
      return row !== undefined
    },

    /** One row more than `limit`, newest first. */
    async listOf(accountId: AccountId, query: Paging): Promise<Certificate[]> {
      return newest(query).where('accountId', '=', accountId).execute()
    },

    /** One row more than `limit`, newest first. */
    async listOfCourse(
      courseId: CourseId,
      query: Paging & { readonly state?: State | undefined },
    ): Promise<Certificate[]> {
      const { state } = query
      return newest(query)
        .where('courseId', '=', courseId)
        .$if(state !== undefined, (rows) => rows.where('state', '=', state ?? 'issued'))
        .execute()
    },

    /** Runs that nobody has heard of for too long; the longest first. */
    async listOverdue(now: Instant, limit: number): Promise<Pick<Certificate, 'certificateId'>[]> {
      return db
        .selectFrom('certificates')
        .select('certificateId')
        .where('checkAt', '<=', at(now))
        .orderBy('checkAt')
        .limit(limit)
        .execute()
    },

    emit: (events: readonly CertificateEvent[]) => writeOutbox(tx, certificateEvents, events),
  }

  function byId(certificateId: CertificateId) {
    return db.selectFrom('certificates').selectAll().where('certificateId', '=', certificateId)
  }
}

type CertificateRow = Omit<
  Certificate,
  'completedAt' | 'requestedAt' | 'checkAt' | 'endedAt' | 'snapshot' | 'pdf'
> & {
  completedAt: InstantColumn
  requestedAt: InstantColumn
  checkAt: NullableInstantColumn
  endedAt: NullableInstantColumn
  snapshot: JsonColumn<Snapshot> | null
  pdf: JsonColumn<Pdf> | null
}

type Tables = { certificates: CertificateRow }

const toRow = (certificate: Certificate) => ({
  ...certificate,
  completedAt: at(certificate.completedAt),
  requestedAt: at(certificate.requestedAt),
  checkAt: atOrNull(certificate.checkAt),
  endedAt: atOrNull(certificate.endedAt),
  snapshot: certificate.snapshot && json(certificate.snapshot),
  pdf: certificate.pdf && json(certificate.pdf),
})
