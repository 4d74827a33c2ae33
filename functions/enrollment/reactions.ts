import type { Reactions } from '../../shared/bus/reaction.ts'
import type { Tx } from '../../shared/db/transaction.ts'
import { type Instant, instantOf } from '../../shared/kernel/time.ts'
import { courseRefReactions } from '../../shared/projection/course-refs.ts'
import { admitLearner, decideOn, knownCourse } from './commands/admission.ts'
import { end, revoke } from './domain/enrollment.ts'
import { enrollments, memberships, type WaitingSeat } from './store.ts'

/** Waiting seats that one `course.published` gives; the job gives the others. */
export const WAITING_SEATS_MAX = 100

/** Enrolments that one `member.removed` ends; the job ends the others. */
export const LEFT_BEHIND_MAX = 100

export const reactions: Reactions<unknown> = {
  ...courseRefReactions,

  async 'course.published'(received) {
    await courseRefReactions['course.published'](received)
    const { data, event, now, tx } = received
    const { courseId, organizationId, versionId, prerequisiteIds } = data
    const { sequence } = event
    await enrollments(tx).putPrerequisites({
      ...{ courseId, organizationId, versionId, prerequisiteIds, sequence },
    })
    const seats = await enrollments(tx).takeWaitingSeats({ courseId, limit: WAITING_SEATS_MAX })
    for (const seat of seats) await giveSeat(tx, seat, now)
  },

  async 'progress.course_completed'({ data, tx }) {
    const { accountId, courseId, organizationId } = data
    const completedAt = instantOf(data.completedAt)
    await enrollments(tx).addCompletion({ accountId, courseId, organizationId, completedAt })
  },

  async 'member.added'({ data, event: { sequence }, now, tx }) {
    const { organizationId, accountId } = data
    await memberships(tx).put({ organizationId, accountId, isMember: true }, { sequence, now })
  },

  async 'member.removed'({ data, event: { sequence }, now, tx }) {
    await memberships(tx).put({ ...data, isMember: false }, { sequence, now })
    const { accountId } = data
    const found = await enrollments(tx).leftBehind({ accountId, limit: LEFT_BEHIND_MAX })
    // By course, as every such event does: two of them never wait for each other's offerings.
    for (const enrollment of found)
      await decideOn(tx, enrollment, (current) => end(current, 'removed', now))
  },

  async 'seat.claimed'({ data, now, tx }) {
    const { seatId, organizationId, courseId, accountId } = data
    await giveSeat(tx, { seatId, organizationId, courseId, accountId }, now)
  },

  async 'seat.revoked'({ data, now, tx }) {
    const store = enrollments(tx)
    // In this order, as who gives waiting seats locks them: the two never wait for each other.
    await store.removeWaitingSeat(data.seatId)
    await store.revokeSeat(data, now)
    const entitled = await store.findEntitledBy('licence', data.seatId)
    const enrollment = entitled && (await store.find(entitled.enrollmentId))
    if (!enrollment) return
    await decideOn(tx, enrollment, (current) => revoke(current, entitled.entitlementId, now))
  },
}

/** Entitles the holder of a seat that was not revoked; where nothing is published yet, the seat waits. */
export const giveSeat = async (tx: Tx, seat: WaitingSeat, now: Instant): Promise<void> => {
  if (!(await enrollments(tx).lockSeat(seat))) return
  const course = await knownCourse(tx, seat.courseId)
  if (!course || course.versionId === null) return enrollments(tx).addWaitingSeat(seat, now)
  const grant = { source: 'licence', sourceRef: seat.seatId } as const
  await admitLearner(tx, { course, accountId: seat.accountId, grant }, now)
}
