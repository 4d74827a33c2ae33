import { describe, expect, it } from '@jest/globals'
import { courseContract } from '../../shared/contracts/course.ts'
import { rbacContract } from '../../shared/contracts/rbac.ts'
import { builtInRoles } from '../../shared/contracts/roles.ts'
import { newId } from '../../shared/kernel/id.ts'
import { addMs, HOUR_MS, instantOf } from '../../shared/kernel/time.ts'
import {
  catalogueOf,
  changeRole,
  effective,
  explain,
  type Held,
  permissionsAt,
  type Role,
  refuseAbove,
  refuseMisfit,
  refuseUnknown,
} from './domain.ts'

const now = instantOf('2026-03-01T10:00:00Z')
const accountId = newId('account')
const organizationId = newId('organization')

const aGrant = (changes: Partial<Held> = {}): Held => ({
  grantId: newId('grant'),
  accountId,
  scope: 'organization',
  organizationId,
  courseId: null,
  role: 'learner',
  source: 'membership',
  grantedBy: 'system',
  createdAt: now,
  expiresAt: null,
  endedAt: null,
  permissions: ['course:read'],
  ...changes,
})

describe('who teaches a course and has left its organisation', () => {
  const course = { courseId: newId('course'), instructorIds: [accountId] }
  const permission = 'course:publish'

  it('may no more than a stranger', () => {
    const left = { accountId, held: [aGrant({ endedAt: now })], now }
    expect(permissionsAt(course, left)).toEqual(new Set())
    expect(explain(left.held, { accountId, permission, course }, now).allowed).toBe(false)
    const member = { ...left, held: [aGrant()] }
    expect(permissionsAt(course, member)).toContain(permission)
  })
})

describe('effective', () => {
  it('leaves out what has ended or run out, and names the first end to come', () => {
    const courseId = newId('course')
    const soon = addMs(now, HOUR_MS)
    const held = [
      aGrant(),
      aGrant({ permissions: ['course:create'], expiresAt: now }),
      aGrant({ permissions: ['media:manage'], endedAt: now }),
      aGrant({ scope: 'course', courseId, permissions: ['course:update'], expiresAt: soon }),
      aGrant({ permissions: ['user:read'], expiresAt: addMs(soon, 1) }),
    ]
    expect(effective(held, now)).toEqual({
      grants: {
        platform: [],
        organization: ['course:read', 'user:read'],
        courses: { [courseId]: ['course:update'] },
      },
      expiresAt: soon,
    })
  })
})

describe('permissionsAt', () => {
  it('reaches down, never up or sideways, and knows who teaches', () => {
    const course = { courseId: newId('course'), instructorIds: [accountId] }
    const other = { courseId: newId('course'), instructorIds: [] }
    const held = [
      aGrant(),
      aGrant({ scope: 'course', courseId: course.courseId, permissions: ['access:grant'] }),
    ]
    const at = (place: Parameters<typeof permissionsAt>[0]) =>
      permissionsAt(place, { accountId, held, now })
    expect(at({ scope: 'platform' }).size).toBe(0)
    expect([...at({ scope: 'organization' })]).toEqual(['course:read'])
    expect(at(course).has('access:grant') && at(course).has('course:publish')).toBe(true)
    expect([...at(other)]).toEqual(['course:read'])
  })

  it('is the ceiling of what may be given', () => {
    expect(() => refuseAbove(new Set(['course:read']), ['course:read', 'course:create'])).toThrow(
      expect.objectContaining({
        code: 'access.above_self',
        options: { extensions: { permissions: ['course:create'] } },
      }),
    )
  })
})

describe('a grant', () => {
  it('fits the scope of its role and ends in the future', () => {
    const grant = { scope: 'organization' as const, courseId: null, expiresAt: null }
    const mismatch = expect.objectContaining({ code: 'access.scope_mismatch' })
    expect(() => refuseMisfit({ ...grant, scope: 'course' }, now)).toThrow(mismatch)
    expect(() => refuseMisfit({ ...grant, courseId: newId('course') }, now)).toThrow(mismatch)
    expect(() => refuseMisfit({ ...grant, expiresAt: now }, now)).toThrow(
      expect.objectContaining({ code: 'access.expiry_past' }),
    )
  })
})

describe('the catalogue', () => {
  const catalogue = catalogueOf([courseContract, rbacContract])

  it('lists each permission once, with its operations and where it can be granted', () => {
    const update = catalogue.filter(({ permission }) => permission === 'course:update')
    expect(update).toMatchObject([{ scopes: ['platform', 'organization', 'course'] }])
    expect(update[0]?.operations.map(({ operation }) => operation)).toContain('updateDraft')
    const operate = catalogue.find(({ permission }) => permission === 'platform:operate')
    expect(operate?.scopes).toEqual(['platform'])
  })

  it('keeps roles from holding what means nothing at their scope', () => {
    const refused = expect.objectContaining({ code: 'access.permission_unknown' })
    const scope = 'organization' as const
    refuseUnknown(catalogue, { scope, permissions: ['course:update', 'course:create'] })
    for (const permission of ['platform:operate', 'course:fly'] as const)
      expect(() => refuseUnknown(catalogue, { scope, permissions: [permission] })).toThrow(refused)
    expect(() =>
      refuseUnknown(catalogue, { scope: 'course', permissions: ['course:create'] }),
    ).toThrow(refused)
  })
})

describe('changeRole', () => {
  it('refuses an edit of what somebody else has changed', () => {
    const role: Role = {
      roleId: newId('role'),
      organizationId,
      name: 'Librarian',
      scope: 'organization',
      permissions: ['course:read'],
      revision: 2,
    }
    const edit = { changes: { name: 'Keeper' }, expectedRevision: 1 }
    expect(() => changeRole(role, edit)).toThrow(
      expect.objectContaining({ code: 'access.revision_stale' }),
    )
    expect(changeRole(role, { ...edit, expectedRevision: 2 })).toMatchObject({
      name: 'Keeper',
      revision: 3,
    })
  })
})

describe('explain', () => {
  it('gives every grant its verdict', () => {
    const courseId = newId('course')
    const onCourse = { scope: 'course' as const, permissions: ['course:update' as const] }
    const held = [
      aGrant(),
      aGrant({ ...onCourse, courseId }),
      aGrant({ ...onCourse, courseId: newId('course') }),
      aGrant({ ...onCourse, courseId, expiresAt: now }),
      aGrant({ ...onCourse, courseId, expiresAt: now, endedAt: now }),
      aGrant({ ...onCourse, courseId, endedAt: now }),
    ]
    const course = { courseId, instructorIds: [accountId] }
    const question = { accountId, permission: 'course:update' as const, course }
    const { allowed, considered } = explain(held, question, now)
    expect(allowed).toBe(true)
    expect(considered.map(({ source, verdict }) => [source, verdict])).toEqual([
      ['instructor', 'counts'],
      ['membership', 'lacks_permission'],
      ['membership', 'counts'],
      ['membership', 'other_course'],
      ['membership', 'expired'],
      ['membership', 'expired'],
      ['membership', 'ended'],
    ])
  })
})

describe('built-in roles', () => {
  it('grow from learner to owner, so that nobody loses by rising', () => {
    const { learner, instructor, admin, owner } = builtInRoles
    for (const [lower, higher] of [
      [learner, instructor],
      [instructor, admin],
      [admin, owner],
    ] as const)
      expect(new Set<string>(higher.permissions)).toEqual(
        new Set([...higher.permissions, ...lower.permissions]),
      )
  })
})
