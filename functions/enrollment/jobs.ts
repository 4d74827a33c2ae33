import { eachDue } from '../../shared/db/batches.ts'
import type { JobCall, Jobs } from '../../shared/service/define.ts'
import { decideOn } from './commands/admission.ts'
import { type Change, type Enrollment, end, settle } from './domain/enrollment.ts'
import { giveSeat, WAITING_SEATS_MAX } from './reactions.ts'
import { type Expiring, enrollments, type LeftBehind } from './store.ts'

const PAGE = { rowsMax: 100, pagesMax: 20, failure: 'enrolment not ended' }

export const jobs: Jobs<unknown> = {
  /** Ends the enrolments whose window is over. */
  expireEnrollments: (call) =>
    eachDue<Expiring>(call, {
      ...PAGE,
      due: (tx, page) => enrollments(tx).expiring({ now: call.now, ...page }),
      work: (row) => decide(call, row, (current) => settle(current, call.now)),
    }),

  /** Ends what somebody left behind with an organisation, where it was too much for one event. */
  endLeftBehind: (call) =>
    eachDue<LeftBehind>(call, {
      ...PAGE,
      due: (tx, page) => enrollments(tx).leftBehind(page),
      work: (row) => decide(call, row, (current) => end(current, 'removed', call.now)),
    }),

  /** Gives the seats that waited for a course to be published, and were too many for one event. */
  async giveWaitingSeats({ now, transaction }) {
    for (let page = 0; page < PAGE.pagesMax; page += 1) {
      const given = await transaction('*', async (tx) => {
        const seats = await enrollments(tx).takeWaitingSeats({ limit: WAITING_SEATS_MAX })
        for (const seat of seats) await giveSeat(tx, seat, now)
        return seats.length
      })
      if (given < WAITING_SEATS_MAX) return
    }
  },
}

const decide = (
  { transaction }: JobCall,
  { enrollmentId, organizationId }: Pick<Enrollment, 'enrollmentId' | 'organizationId'>,
  decision: (current: Enrollment) => Change,
): Promise<void> =>
  transaction(organizationId, async (tx) => {
    const found = await enrollments(tx).find(enrollmentId)
    if (found) await decideOn(tx, found, decision)
  })
