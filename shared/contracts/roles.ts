import type { AccountId, CourseId } from '../kernel/id.ts'
import type { Permission } from './define.ts'

/** Effective permissions, already expanded from roles and already rid of expired grants. */
export type Grants = {
  readonly platform: readonly Permission[]
  readonly organization: readonly Permission[]
  /** By course id; at most `COURSE_GRANTS_MAX` (rbac). */
  readonly courses: Readonly<Record<string, readonly Permission[]>>
}

/** What a rule must know of a course to decide who may do what with it: who teaches counts like a grant (decision 0002). */
export type TaughtCourse = {
  readonly courseId: CourseId
  readonly instructorIds: readonly AccountId[]
}

/** Where a role can be granted. */
export type RoleScope = 'platform' | 'organization' | 'course'

/** A role that exists in every organisation and cannot be edited. */
export type BuiltInRole = {
  readonly scope: RoleScope
  readonly description: string
  readonly permissions: readonly Permission[]
}

const learner = [
  'organization:read',
  'course:read',
  'enrollment:self',
  'progress:self',
  'assessment:attempt',
  'certificate:self',
  'media:create',
] as const satisfies readonly Permission[]

/** What being listed as an instructor of a course allows on that course. */
export const courseInstructorPermissions: readonly Permission[] = [
  'course:update',
  'course:publish',
  'course:archive',
  'content:read',
  'content:update',
  'video:read',
  'video:manage',
  'enrollment:manage',
  'progress:read',
  'progress:override',
  'assessment:manage',
  'assessment:grade',
  'certificate:read',
  'certificate:manage',
]

const instructor = [...learner, 'course:create', 'video:read', 'video:create'] as const

const admin = [
  ...instructor,
  ...courseInstructorPermissions,
  'organization:update',
  'organization:members',
  'organization:licences',
  'course:categories',
  'media:manage',
  'user:read',
  'access:read',
  'access:grant',
  'access:roles',
] as const satisfies readonly Permission[]

/**
 * The built-in roles. A permission of the catalogue that none of them names is a defect (tested), and so
 * is one that no operation asks for.
 */
export const builtInRoles = {
  learner: {
    scope: 'organization',
    description: 'Takes courses: the least that membership gives.',
    permissions: learner,
  },
  instructor: {
    scope: 'organization',
    description: 'A learner who may create courses; on those, see course_instructor.',
    permissions: instructor,
  },
  admin: {
    scope: 'organization',
    description: 'Runs the organisation: members, roles, every course.',
    permissions: admin,
  },
  owner: {
    scope: 'organization',
    description: 'An admin who may also make and unmake owners; the last one stays.',
    permissions: [...admin, 'organization:owners'],
  },
  course_instructor: {
    scope: 'course',
    description: 'Builds, publishes and grades one course.',
    permissions: courseInstructorPermissions,
  },
  teaching_assistant: {
    scope: 'course',
    description: 'Grades and sees progress in one course.',
    permissions: ['content:read', 'progress:read', 'assessment:grade', 'video:read'],
  },
  platform_admin: {
    scope: 'platform',
    description: 'Stands above organisations; every use is audited.',
    permissions: [...admin, 'organization:owners', 'organization:create', 'platform:operate'],
  },
} as const satisfies Readonly<Record<string, BuiltInRole>>

export type BuiltInRoleName = keyof typeof builtInRoles
