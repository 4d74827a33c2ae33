import type { Tx } from '../../shared/db/transaction.ts'
import { toIso } from '../../shared/kernel/time.ts'
import type { EmailChange, Profile } from './domain.ts'
import { emailChanges, type Member, memberships } from './store.ts'

export const showProfile = ({ createdAt, deactivatedAt, ...profile }: Profile) => ({
  ...profile,
  createdAt: toIso(createdAt),
  deactivatedAt: deactivatedAt === null ? null : toIso(deactivatedAt),
})

export const showMember = ({ role, ...profile }: Member) => ({ ...showProfile(profile), role })

/** The profile as its owner sees it. */
export const showOwn = async (tx: Tx, profile: Profile) => {
  const pending = await emailChanges(tx).findPending(profile.accountId, tx.now)
  return { ...showProfile(profile), pendingEmail: pending?.newEmail ?? null }
}

/** All that this service holds about somebody, and who holds the rest (GDPR article 15 and 20). */
export const showExport = async (tx: Tx, profile: Profile) => ({
  exportedAt: toIso(tx.now),
  profile: showProfile(profile),
  memberships: await memberships(tx).listOf(profile.accountId),
  emailChanges: (await emailChanges(tx).list(profile.accountId)).map(showEmailChange),
  elsewhere: ELSEWHERE,
})

const showEmailChange = ({ newEmail, requestedAt, endedAt }: EmailChange) => ({
  newEmail,
  requestedAt: toIso(requestedAt),
  endedAt: endedAt === null ? null : toIso(endedAt),
})

// Read by the person with the token that reads this.
const ELSEWHERE = [
  { service: 'auth', holds: 'address, password hash, sessions', readAt: '/v1/auth/sessions' },
  { service: 'rbac', holds: 'roles and permissions', readAt: '/v1/access/grants' },
  { service: 'organization', holds: 'memberships, seats', readAt: '/v1/organizations' },
  { service: 'course', holds: 'courses that are taught', readAt: '/v1/courses' },
  { service: 'content', holds: 'whose the files of lessons are', readAt: null },
  { service: 'enrollment', holds: 'courses and their terms', readAt: '/v1/enrollments' },
  { service: 'progress', holds: 'what was completed and when', readAt: '/v1/progress' },
  { service: 'assessment', holds: 'answers and grades', readAt: null },
  { service: 'certificate', holds: 'credentials', readAt: '/v1/certificates' },
  { service: 'media', holds: 'uploaded files', readAt: '/v1/media' },
  { service: 'video-processing', holds: 'uploaded videos', readAt: '/v1/videos' },
  { service: 'video-streaming', holds: 'what was watched', readAt: null },
  { service: 'notification', holds: 'messages, choices', readAt: '/v1/notifications' },
]
