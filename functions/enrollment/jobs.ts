import { describeError } from '../../shared/observe/logger.ts'
import type { Jobs } from '../../shared/service/define.ts'
import { decideOn } from './commands/admission.ts'
import { settle } from './domain/enrollment.ts'
import { giveSeat, WAITING_SEATS_MAX } from './reactions.ts'
import { type Expiring, enrollments } from './store.ts'

const PAGE_ROWS_MAX = 100
/** One run ends so many pages at most; the next one, a minute later, goes on. */
const PAGES_MAX = 20

export const jobs: Jobs<unknown> = {
  /** Ends the enrolments whose window is over, each in a transaction of its own. */
  async expireEnrollments({ now, log, transaction }) {
    let last: Expiring | undefined
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const rows = await transaction('*', (tx) =>
        enrollments(tx).expiring({ now, last, limit: PAGE_ROWS_MAX }),
      )
      for (const { enrollmentId, organizationId } of rows)
        try {
          await transaction(organizationId, async (tx) => {
            const found = await enrollments(tx).find(enrollmentId)
            if (found) await decideOn(tx, found, (current) => settle(current, now))
          })
        } catch (error) {
          // One that cannot be ended must not keep the others: it is met again in the next run.
          log.error('enrolment not ended', { enrollmentId, ...describeError(error) })
        }
      last = rows.at(-1)
      if (rows.length < PAGE_ROWS_MAX) return
    }
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
