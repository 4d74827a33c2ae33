import { describe, expect, it } from '@jest/globals'
import { EMAIL_CHANGES_PER_DAY_MAX } from '../../shared/contracts/user.ts'
import { newId } from '../../shared/kernel/id.ts'
import { addMs, HOUR_MS, instantOf } from '../../shared/kernel/time.ts'
import {
  addressOf,
  changeProfile,
  deactivate,
  EMAIL_CHANGE_MS,
  type EmailChange,
  type Profile,
  requestEmailChange,
  setAvatar,
} from './domain.ts'

const now = instantOf('2026-03-01T10:00:00.000Z')

const aProfile = (changes: Partial<Profile> = {}): Profile => ({
  accountId: newId('account'),
  email: 'ada@example.org',
  name: 'Ada',
  locale: 'en',
  timeZone: 'UTC',
  avatarMediaId: null,
  revision: 1,
  createdAt: now,
  deactivatedAt: null,
  ...changes,
})

const codeOf = (work: () => unknown) => {
  try {
    work()
    return undefined
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error
  }
}

describe('changeProfile', () => {
  it('counts and tells real changes only', () => {
    const profile = aProfile()
    const same = changeProfile(profile, { changes: { name: 'Ada' }, expectedRevision: 1 })
    expect(same).toEqual({ profile, events: [] })
    const other = changeProfile(profile, { changes: { name: 'Eve' }, expectedRevision: 1 })
    expect(other.profile).toMatchObject({ name: 'Eve', revision: 2 })
    expect(other.events).toMatchObject([{ type: 'user.profile_updated', name: 'Eve' }])
  })

  it('refuses what was read earlier, and who has left', () => {
    const change = { changes: { name: 'Eve' }, expectedRevision: 1 }
    expect(codeOf(() => changeProfile(aProfile({ revision: 2 }), change))).toBe(
      'user.revision_stale',
    )
    expect(codeOf(() => changeProfile(aProfile({ deactivatedAt: now }), change))).toBe(
      'user.deactivated',
    )
  })
})

describe('setAvatar', () => {
  it('takes a ready image of one’s own', () => {
    const profile = aProfile()
    const own = { ownerId: profile.accountId, kind: 'image', state: 'ready' }
    const mediaId = newId('media')
    expect(setAvatar(profile, { mediaId, image: own }).profile.avatarMediaId).toBe(mediaId)
    for (const flaw of [{ ownerId: newId('account') }, { kind: 'document' }, { state: 'deleted' }])
      expect(codeOf(() => setAvatar(profile, { mediaId, image: { ...own, ...flaw } }))).toBe(
        'user.avatar_invalid',
      )
  })
})

describe('requestEmailChange', () => {
  const token = { hash: 'hash', sealed: 'sealed' }
  const request = (newEmail: string, requestedAt = [now]) =>
    requestEmailChange(aProfile(), { newEmail, token, requestedAt }, now)

  it('tells both addresses to the mailer, and the open token to nobody', () => {
    const { change, events } = request('eve@example.org')
    expect(change).toMatchObject({ tokenHash: 'hash', expiresAt: addMs(now, EMAIL_CHANGE_MS) })
    expect(events).toMatchObject([
      { oldEmail: 'ada@example.org', newEmail: 'eve@example.org', sealedToken: 'sealed' },
    ])
  })

  it('refuses the own address in any spelling', () => {
    for (const same of ['ADA@example.org', ' ada@EXAMPLE.org '])
      expect(codeOf(() => request(same))).toBe('user.email_unchanged')
  })

  it('counts the mails of a day', () => {
    const earlier = Array.from({ length: EMAIL_CHANGES_PER_DAY_MAX }, () => addMs(now, -HOUR_MS))
    expect(codeOf(() => request('eve@example.org', earlier))).toBe('user.email_changes_exhausted')
    expect(codeOf(() => request('eve@example.org', earlier.slice(1)))).toBeUndefined()
  })
})

describe('addressOf', () => {
  const profile = aProfile()
  const change: EmailChange = {
    tokenHash: 'hash',
    accountId: profile.accountId,
    newEmail: 'eve@example.org',
    requestedAt: now,
    expiresAt: addMs(now, 1),
    endedAt: null,
  }

  it('gives the address of a link that works', () => {
    expect(addressOf(profile, change, now)).toBe('eve@example.org')
  })

  it.each([
    ['unknown', undefined],
    ['another’s', { ...change, accountId: newId('account') }],
    ['expired', { ...change, expiresAt: now }],
    ['used', { ...change, endedAt: now, newEmail: null }],
  ])('refuses one that is %s', (_, other) => {
    expect(codeOf(() => addressOf(profile, other, now))).toBe('user.email_change_invalid')
  })
})

describe('deactivate', () => {
  it('is told once', () => {
    const { profile, events } = deactivate(aProfile(), now)
    expect(events).toMatchObject([{ type: 'user.deactivated' }])
    expect(deactivate(profile, addMs(now, 1))).toEqual({ profile, events: [] })
  })
})
