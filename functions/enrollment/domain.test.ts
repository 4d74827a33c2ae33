import { describe, expect, it } from '@jest/globals'
import { newId } from '../../shared/kernel/id.ts'
import { addMs, DAY_MS, HOUR_MS, type Instant, instantOf, toIso } from '../../shared/kernel/time.ts'
import { addCalendarDays } from './domain/calendar.ts'
import {
  accessAt,
  type Change,
  type Course,
  changeEntitlement,
  DEFAULT_SETTINGS,
  type Enrollment,
  end,
  enrol,
  type Grant,
  type Offering,
  revoke,
  settle,
} from './domain/enrollment.ts'

const now = instantOf('2026-03-01T10:00:00Z')
const later = (days: number) => addMs(now, days * DAY_MS)

const course: Course = {
  courseId: newId('course'),
  organizationId: newId('organization'),
  visibility: 'public',
  versionId: newId('courseVersion'),
  isArchived: false,
  prerequisiteIds: [],
}
const offering: Offering = { ...DEFAULT_SETTINGS, ...course, activeCount: 0 }
const self: Grant = { source: 'self', sourceRef: '' }
const seat: Grant = { source: 'licence', sourceRef: newId('seat') }

const enrolling = (changes: Partial<Parameters<typeof enrol>[0]> = {}, at = now) =>
  enrol(
    {
      standing: undefined,
      accountId: newId('account'),
      course,
      offering,
      grant: self,
      completed: [],
      ...changes,
    },
    at,
  )

const lastOf = (changes: readonly Change[]): Enrollment => {
  const change = changes.at(-1)
  if (!change) throw new Error('nothing changed')
  return change.enrollment
}
const enrolled = (...given: Parameters<typeof enrolling>) => lastOf(enrolling(...given))
const typesOf = (changes: readonly Change[]) =>
  changes.flatMap(({ events }) => events.map(({ type }) => type))
const refusal = (code: string) => expect.objectContaining({ code })
const entitlementOf = (enrollment: Enrollment, source: string) => {
  const found = enrollment.entitlements.find((each) => each.source === source)
  if (!found) throw new Error(`no entitlement of ${source}`)
  return found.entitlementId
}

describe('access that lasts calendar days', () => {
  const paris = (from: string, days: number) =>
    toIso(addCalendarDays(instantOf(from), days, 'Europe/Paris'))

  it('keeps the wall-clock time across a change of clocks, spring and autumn', () => {
    // 29 March 2026 has 23 hours in Paris, 25 October has 25.
    expect(paris('2026-03-28T09:00:00Z', 1)).toBe('2026-03-29T08:00:00.000Z')
    expect(paris('2026-10-24T08:00:00Z', 1)).toBe('2026-10-25T09:00:00.000Z')
  })

  it('moves a wall time that a change skips to the hour after, and takes the first of a repeated one', () => {
    expect(paris('2026-03-28T01:30:00Z', 1)).toBe('2026-03-29T01:30:00.000Z')
    expect(paris('2026-10-24T00:30:00Z', 1)).toBe('2026-10-25T00:30:00.000Z')
  })

  it('is what an enrolment gets, in the zone of the course', () => {
    const days = { ...offering, accessDays: 30, timeZone: 'Europe/Paris' }
    expect(enrolled({ offering: days }).endsAt).toBe(later(30) - HOUR_MS)
    expect(enrolled({ offering: { ...days, timeZone: 'UTC' } }).endsAt).toBe(later(30))
  })

  it('does not bind a licence: a seat entitles for as long as it is held', () => {
    expect(enrolled({ offering: { ...offering, accessDays: 30 }, grant: seat }).endsAt).toBeNull()
  })
})

describe('enrol', () => {
  it('pins the version that is published now, and again anew after an end', () => {
    const first = enrolled()
    const next = { ...course, versionId: newId('courseVersion') }
    const standing = end(first, 'unenrolled', now).enrollment
    expect(enrolled({ standing: undefined, course: next }).versionId).toBe(next.versionId)
    expect(standing.versionId).toBe(course.versionId)
  })

  it('keeps the version of an enrolment that stands', () => {
    const next = { ...course, versionId: newId('courseVersion') }
    expect(enrolled({ standing: enrolled(), course: next, grant: seat }).versionId).toBe(
      course.versionId,
    )
  })

  it('says and changes nothing when repeated', () => {
    const standing = enrolled()
    const again = enrolling({ standing })
    expect(typesOf(again)).toEqual([])
    expect(lastOf(again)).toEqual(standing)
  })

  it('ends an enrolment whose window is over and begins another, in the place that it frees', () => {
    const full = { ...offering, capacity: 1, accessDays: 10, activeCount: 1 }
    const standing = enrolled({ offering: { ...full, activeCount: 0 } })
    const changes = enrolling({ standing, offering: full }, later(11))
    expect(typesOf(changes)).toEqual(['enrollment.ended', 'enrollment.activated'])
    expect(changes.reduce((sum, { activeDelta }) => sum + activeDelta, 0)).toBe(0)
  })

  it.each<[string, Parameters<typeof enrolling>[0]]>([
    ['enrollment.course_closed', { course: { ...course, versionId: null } }],
    ['enrollment.course_closed', { course: { ...course, isArchived: true } }],
    ['enrollment.invitation_only', { course: { ...course, visibility: 'private' } }],
    ['enrollment.not_open', { offering: { ...offering, opensAt: later(1) } }],
    ['enrollment.not_open', { offering: { ...offering, closesAt: now } }],
    ['enrollment.full', { offering: { ...offering, capacity: 3, activeCount: 3 } }],
    [
      'enrollment.prerequisites_missing',
      { course: { ...course, prerequisiteIds: [newId('course')] } },
    ],
    ['enrollment.window_invalid', { grant: { ...self, endsAt: now } }],
  ])('refuses with %s', (code, changes) => {
    expect(() => enrolling(changes)).toThrow(refusal(code))
  })

  it('asks for prerequisites once: what they become later locks nobody out', () => {
    const standing = enrolled()
    const stricter = { ...course, prerequisiteIds: [newId('course')] }
    expect(() => enrolling({ standing, course: stricter, grant: seat })).not.toThrow()
  })

  it('prolongs no stay by a code once the enrolment window is over, though what was given stays', () => {
    const closed = { ...offering, closesAt: now }
    const code: Grant = { source: 'code', sourceRef: newId('enrollmentCode') }
    const standing = enrolled({ grant: seat })
    expect(() => enrolling({ standing, grant: code, offering: closed })).toThrow(
      refusal('enrollment.not_open'),
    )
    const redeemed = enrolled({ standing, grant: code })
    expect(lastOf(enrolling({ standing: redeemed, grant: code, offering: closed }))).toEqual(
      redeemed,
    )
  })

  it('lets staff in whom neither window nor prerequisites bind, but not beyond capacity', () => {
    const grant: Grant = { source: 'staff', sourceRef: '', waivesPrerequisites: true }
    const strict = { ...course, prerequisiteIds: [newId('course')] }
    const closed = { ...offering, closesAt: now }
    expect(() => enrolling({ grant, course: strict, offering: closed })).not.toThrow()
    expect(() => enrolling({ grant, offering: { ...closed, capacity: 0 } })).toThrow(
      refusal('enrollment.full'),
    )
  })
})

describe('entitlements', () => {
  const both = enrolled({ standing: enrolled(), grant: seat })

  it('leave access while another one lives, and end it with the last', () => {
    const one = revoke(both, entitlementOf(both, 'licence'), now)
    // Whoever stays has left the seat all the same.
    expect(one).toMatchObject({
      events: [{ type: 'enrollment.seat_left', seatId: seat.sourceRef }],
      enrollment: { endedAt: null },
    })
    expect(revoke(both, entitlementOf(both, 'self'), now).events).toEqual([])
    const none = revoke(one.enrollment, entitlementOf(both, 'self'), now)
    expect(none).toMatchObject({
      events: [{ type: 'enrollment.ended', reason: 'revoked' }],
      activeDelta: -1,
    })
  })

  it('never end before they began, though the clock that ends them is behind', () => {
    const { enrollment, events } = end(both, 'removed', addMs(now, -HOUR_MS))
    expect(enrollment.endedAt).toBe(enrollment.enrolledAt)
    expect(events).toMatchObject([{ endedAt: toIso(enrollment.enrolledAt) }])
  })

  it('do nothing when revoked again', () => {
    const ended = end(both, 'removed', now).enrollment
    expect(revoke(ended, entitlementOf(both, 'self'), later(1)).events).toEqual([])
    expect(end(ended, 'unenrolled', later(1)).enrollment).toEqual(ended)
  })

  it('move the window to the union of those that touch, and say so', () => {
    const short = enrolled({ grant: { ...self, endsAt: later(10) } })
    const longer: Grant = { ...seat, startsAt: later(10), endsAt: later(20) }
    const changes = enrolling({ standing: short, grant: longer })
    expect(typesOf(changes)).toEqual(['enrollment.window_changed'])
    expect(lastOf(changes).endsAt).toBe(later(20))
  })

  it('leave a gap a gap: no access in it, and a new window after it', () => {
    const short = enrolled({ grant: { ...self, endsAt: later(10) } })
    const apart: Grant = { ...seat, startsAt: later(15), endsAt: later(20) }
    const gapped = enrolled({ standing: short, grant: apart })
    const access = (at: Instant) => accessAt(gapped, at) !== undefined
    expect([5, 12, 17, 21].map((days) => access(later(days)))).toEqual([true, false, true, false])
    const settled = settle(gapped, later(12))
    expect(settled).toMatchObject({
      events: [{ type: 'enrollment.window_changed', startsAt: toIso(later(15)) }],
      enrollment: { endedAt: null },
    })
    expect(settle(settled.enrollment, later(20)).enrollment.endReason).toBe('expired')
  })

  it('can be moved, but not to end before they begin', () => {
    const one = enrolled()
    const entitlementId = entitlementOf(one, 'self')
    const changes = { endsAt: later(3) }
    const moved = changeEntitlement(one, { entitlementId, changes }, now)
    expect(moved.events).toMatchObject([{ endsAt: toIso(later(3)) }])
    expect(() =>
      changeEntitlement(one, { entitlementId, changes: { endsAt: one.startsAt } }, now),
    ).toThrow(refusal('enrollment.window_invalid'))
  })
})
