import type { Tx } from '../../shared/db/transaction.ts'
import { describeError } from '../../shared/observe/logger.ts'
import type { Jobs } from '../../shared/service/define.ts'
import { decideOn } from './commands/admission.ts'
import { type Change, type Enrollment, end, settle } from './domain/enrollment.ts'
import { giveSeat, WAITING_SEATS_MAX } from './reactions.ts'
import { type Expiring, enrollments, type LeftBehind } from './store.ts'

const PAGE_ROWS_MAX = 100
/** One run ends so many pages at most; the next one, a minute later, goes on. */
const PAGES_MAX = 20

export const jobs: Jobs<unknown> = {
  /** Ends the enrolments whose window is over. */
  async expireEnrollments(context) {
    await decideOnEach<Expiring>(context, {
      pageAfter: (tx, last) =>
        enrollments(tx).expiring({ now: context.now, last, limit: PAGE_ROWS_MAX }),
      decide: (current) => settle(current, context.now),
    })
  },

  /** Ends what somebody left behind with an organisation, where it was too much for one event. */
  async endLeftBehind(context) {
    await decideOnEach<LeftBehind>(context, {
      pageAfter: (tx, last) => enrollments(tx).leftBehind({ last, limit: PAGE_ROWS_MAX }),
      decide: (current) => end(current, 'removed', context.now),
    })
  },

  /** Gives the seats that waited for a course to be published, and were too many for one event. */
  async giveWaitingSeats({ now, transaction }) {
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const given = await transaction('*', async (tx) => {
        const seats = await enrollments(tx).takeWaitingSeats({ limit: WAITING_SEATS_MAX })
        for (const seat of seats) await giveSeat(tx, seat, now)
        return seats.length
      })
      if (given < WAITING_SEATS_MAX) return
    }
  },
}

/** Goes through enrolments page by page, each in a transaction of its own. */
const decideOnEach = async <Row extends Pick<Enrollment, 'enrollmentId' | 'organizationId'>>(
  { log, transaction }: Parameters<Jobs<unknown>[string]>[0],
  {
    pageAfter,
    decide,
  }: {
    readonly pageAfter: (tx: Tx, last: Row | undefined) => Promise<Row[]>
    readonly decide: (current: Enrollment) => Change
  },
): Promise<void> => {
  let last: Row | undefined
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const rows = await transaction('*', (tx) => pageAfter(tx, last))
    for (const { enrollmentId, organizationId } of rows)
      try {
        await transaction(organizationId, async (tx) => {
          const found = await enrollments(tx).find(enrollmentId)
          if (found) await decideOn(tx, found, decide)
        })
      } catch (error) {
        // One that cannot be ended must not keep the others: it is met again in the next run.
        log.error('enrolment not ended', { enrollmentId, ...describeError(error) })
      }
    last = rows.at(-1)
    if (rows.length < PAGE_ROWS_MAX) return
  }
}
