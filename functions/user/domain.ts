import { EMAIL_CHANGES_PER_DAY_MAX } from '../../shared/contracts/user.ts'
import type { UserEvent } from '../../shared/events/user.ts'
import { emailKeyOf } from '../../shared/kernel/email.ts'
import type { AccountId, MediaId } from '../../shared/kernel/id.ts'
import { addMs, DAY_MS, HOUR_MS, type Instant, SECOND_MS, toIso } from '../../shared/kernel/time.ts'
import {
  avatarInvalid,
  emailChangeInvalid,
  emailChangesExhausted,
  emailUnchanged,
  revisionStale,
  userDeactivated,
} from './errors.ts'

/** How long the link to a new address works. */
export const EMAIL_CHANGE_MS = HOUR_MS
/** Over it the mails to new addresses are counted. */
export const EMAIL_CHANGE_WINDOW_MS = DAY_MS

export type Profile = {
  readonly accountId: AccountId
  readonly email: string
  readonly name: string
  readonly locale: string
  readonly timeZone: string
  readonly avatarMediaId: MediaId | null
  readonly revision: number
  readonly createdAt: Instant
  readonly deactivatedAt: Instant | null
}

/** A new address on its way. */
export type EmailChange = {
  readonly tokenHash: string
  readonly accountId: AccountId
  /** Forgotten once it has ended. */
  readonly newEmail: string | null
  readonly requestedAt: Instant
  readonly expiresAt: Instant
  readonly endedAt: Instant | null
}

export type Decision = { readonly profile: Profile; readonly events: readonly UserEvent[] }

export const changeProfile = (
  profile: Profile,
  {
    changes,
    expectedRevision,
  }: {
    changes: Partial<Pick<Profile, 'name' | 'locale' | 'timeZone'>>
    expectedRevision: number
  },
): Decision => {
  requireActive(profile)
  if (profile.revision !== expectedRevision) throw revisionStale(profile.revision)
  return revised(profile, changes)
}

/** What the media service says of a file. */
export type Image = { readonly ownerId: AccountId; readonly kind: string; readonly state: string }

/** @param avatar null for none. */
export const setAvatar = (
  profile: Profile,
  avatar: { readonly mediaId: MediaId; readonly image: Image } | null,
): Decision => {
  requireActive(profile)
  if (avatar) {
    const { ownerId, kind, state } = avatar.image
    const isOwnImage = ownerId === profile.accountId && kind === 'image' && state === 'ready'
    if (!isOwnImage) throw avatarInvalid()
  }
  return revised(profile, { avatarMediaId: avatar?.mediaId ?? null })
}

/**
 * Begins a change of address: nobody knows yet whether the new one is free, and the answer does not say.
 *
 * @param requestedAt of the earlier requests within the window, oldest first.
 */
export const requestEmailChange = (
  profile: Profile,
  {
    newEmail,
    token,
    requestedAt,
  }: {
    newEmail: string
    token: { readonly hash: string; readonly sealed: string }
    requestedAt: readonly Instant[]
  },
  now: Instant,
): { readonly change: EmailChange; readonly events: readonly UserEvent[] } => {
  requireActive(profile)
  if (emailKeyOf(newEmail) === emailKeyOf(profile.email)) throw emailUnchanged()
  const first = requestedAt[0]
  if (first !== undefined && requestedAt.length >= EMAIL_CHANGES_PER_DAY_MAX)
    throw emailChangesExhausted((addMs(first, EMAIL_CHANGE_WINDOW_MS) - now) / SECOND_MS)
  const { accountId, email, locale } = profile
  const expiresAt = addMs(now, EMAIL_CHANGE_MS)
  const change = { accountId, newEmail, tokenHash: token.hash, requestedAt: now, expiresAt }
  return {
    change: { ...change, endedAt: null },
    events: [
      {
        type: 'user.email_change_requested',
        accountId,
        oldEmail: email,
        newEmail,
        locale,
        sealedToken: token.sealed,
        expiresAt: toIso(expiresAt),
      },
    ],
  }
}

/** The address that a token stands for. @throws `user.email_change_invalid` */
export const addressOf = (
  profile: Profile,
  change: EmailChange | undefined,
  now: Instant,
): string => {
  requireActive(profile)
  const isOpen = change !== undefined && change.endedAt === null && change.expiresAt > now
  if (!isOpen || change.accountId !== profile.accountId || change.newEmail === null)
    throw emailChangeInvalid()
  return change.newEmail
}

/** Auth has taken the address over. */
export const changeEmail = (profile: Profile, email: string): Decision => ({
  profile: { ...profile, email, revision: profile.revision + 1 },
  events: [{ type: 'user.email_changed', accountId: profile.accountId, email }],
})

/** Leaving twice is harmless. */
export const deactivate = (profile: Profile, now: Instant): Decision => {
  if (profile.deactivatedAt !== null) return { profile, events: [] }
  return {
    profile: { ...profile, deactivatedAt: now, revision: profile.revision + 1 },
    events: [{ type: 'user.deactivated', accountId: profile.accountId }],
  }
}

const requireActive = ({ deactivatedAt }: Profile): void => {
  if (deactivatedAt !== null) throw userDeactivated()
}

const revised = (profile: Profile, changes: Partial<Profile>): Decision => {
  const next = { ...profile, ...changes }
  const names = ['name', 'locale', 'timeZone', 'avatarMediaId'] as const
  if (names.every((name) => next[name] === profile[name])) return { profile, events: [] }
  const { accountId, name, locale, timeZone, avatarMediaId } = next
  return {
    profile: { ...next, revision: profile.revision + 1 },
    events: [{ type: 'user.profile_updated', accountId, name, locale, timeZone, avatarMediaId }],
  }
}
