import type { OpaqueTokens } from '../../shared/auth/opaque-token.ts'
import type { authContract } from '../../shared/contracts/auth.ts'
import type { mediaContract } from '../../shared/contracts/media.ts'
import type { userContract } from '../../shared/contracts/user.ts'
import type { Tx } from '../../shared/db/transaction.ts'
import type { Client, Forwarded } from '../../shared/http/client.ts'
import type { Handlers } from '../../shared/http/mount.ts'
import { DomainError } from '../../shared/kernel/errors.ts'
import type { AccountId, MediaId } from '../../shared/kernel/id.ts'
import { toPage } from '../../shared/kernel/page.ts'
import { given } from '../../shared/kernel/readonly.ts'
import { addMs, type Instant } from '../../shared/kernel/time.ts'
import {
  addressOf,
  changeEmail,
  changeProfile,
  type Decision,
  deactivate,
  EMAIL_CHANGE_WINDOW_MS,
  type EmailChange,
  type Image,
  type Profile,
  requestEmailChange,
  setAvatar,
} from './domain.ts'
import { avatarInvalid, emailTaken, userNotFound } from './errors.ts'
import { emailChanges, memberships, profiles } from './store.ts'
import { showExport, showMember, showOwn } from './views.ts'

export type Deps = {
  readonly media: Pick<Client<typeof mediaContract>, 'getMedia'>
  readonly auth: Pick<Client<typeof authContract>, 'replaceEmail'>
  readonly tokens: Pick<OpaqueTokens, 'make' | 'hashOf'>
  /** Only notification can open it. */
  sealForMail(token: string): Promise<string>
  /** Auth's reason to believe that the caller has proven the address. */
  proveEmailChange(change: { accountId: AccountId; email: string }, now: Instant): Promise<string>
}

export const routes: Handlers<typeof userContract, Deps> = {
  async listUsers({ query, caller, tx }) {
    const rows = await memberships(tx).listMembers(caller.organizationId, query)
    return toPage(rows, query.limit, {
      keyOf: ({ name, accountId }) => [name, accountId],
      itemOf: showMember,
    })
  },

  async getOwnProfile({ caller, tx }) {
    return showOwn(tx, await findOwn(tx, caller.accountId))
  },

  async updateOwnProfile({ body, caller, ifMatch, tx }) {
    const profile = await lockOwn(tx, caller.accountId)
    const change = { changes: given(body), expectedRevision: ifMatch }
    return showOwn(tx, await keep(tx, changeProfile(profile, change)))
  },

  async setAvatar({ body, caller, headers, tx }, { media }) {
    const profile = await lockOwn(tx, caller.accountId)
    const image = await imageOf(body.mediaId, {
      media,
      as: { headers, traceparent: tx.traceparent },
    })
    return showOwn(tx, await keep(tx, setAvatar(profile, { ...body, image })))
  },

  async removeAvatar({ caller, tx }) {
    await keep(tx, setAvatar(await lockOwn(tx, caller.accountId), null))
    return undefined
  },

  async requestEmailChange({ body, caller, now, tx }, { tokens, sealForMail }) {
    const { accountId } = caller
    const profile = await lockOwn(tx, accountId)
    const token = tokens.make()
    const { change, events } = requestEmailChange(
      profile,
      {
        newEmail: body.email,
        token: { hash: tokens.hashOf(token), sealed: await sealForMail(token) },
        requestedAt: await emailChanges(tx).requestedSince(
          accountId,
          addMs(now, -EMAIL_CHANGE_WINDOW_MS),
        ),
      },
      now,
    )
    // One link works at a time: the last one that was asked for.
    await emailChanges(tx).endAll(accountId, now)
    await emailChanges(tx).insert(change)
    await profiles(tx).emit(events)
    return undefined
  },

  async confirmEmailChange({ body, caller, headers, now, tx }, deps) {
    const { accountId } = caller
    const profile = await lockOwn(tx, accountId)
    const change: EmailChange | undefined = await emailChanges(tx).find(
      deps.tokens.hashOf(body.token),
    )
    const email = addressOf(profile, change, now)
    // Repeating it is harmless: if this transaction is lost after it, the same link does it all again.
    const isTaken = await isTakenInAuth({ accountId, email }, { deps, headers, tx })
    await emailChanges(tx).endAll(accountId, now)
    // Returned, not thrown: the link stays used.
    if (isTaken) return emailTaken()
    return showOwn(tx, await keep(tx, changeEmail(profile, email)))
  },

  async deactivateSelf({ caller, now, tx }) {
    const { accountId } = caller
    await keep(tx, deactivate(await lockOwn(tx, accountId), now))
    await emailChanges(tx).endAll(accountId, now)
    return undefined
  },

  async exportOwnData({ caller, reply, tx }) {
    const profile = await findOwn(tx, caller.accountId)
    reply.set('content-disposition', 'attachment; filename="learning-hub-user.json"')
    reply.set('cache-control', 'no-store')
    return showExport(tx, profile)
  },

  async getUser({ params, caller, tx }) {
    const { organizationId } = caller
    const member = await memberships(tx).findMember({ ...params, organizationId })
    if (!member) throw userNotFound()
    return showMember(member)
  },
}

const findOwn = async (tx: Tx, accountId: AccountId): Promise<Profile> => {
  const profile = await profiles(tx).find(accountId)
  if (!profile) throw userNotFound()
  return profile
}

const lockOwn = async (tx: Tx, accountId: AccountId): Promise<Profile> => {
  const profile = await profiles(tx).findForUpdate(accountId)
  if (!profile) throw userNotFound()
  return profile
}

const keep = async (tx: Tx, { profile, events }: Decision): Promise<Profile> => {
  if (events.length === 0) return profile
  await profiles(tx).save(profile)
  await profiles(tx).emit(events)
  return profile
}

/** @throws `user.avatar_invalid` for a file that the caller may not see. */
const imageOf = async (
  mediaId: MediaId,
  { media, as }: { media: Deps['media']; as: Forwarded },
): Promise<Image> => {
  try {
    return await media.getMedia({ params: { mediaId } }, as)
  } catch (error) {
    const isHidden = error instanceof DomainError && error.code === 'media.not_found'
    throw isHidden ? avatarInvalid() : error
  }
}

const isTakenInAuth = async (
  change: { accountId: AccountId; email: string },
  { deps, headers, tx }: { deps: Deps; headers: Headers; tx: Tx },
): Promise<boolean> => {
  const { accountId, email } = change
  const proof = await deps.proveEmailChange(change, tx.now)
  try {
    await deps.auth.replaceEmail(
      { params: { accountId }, body: { email, proof } },
      { headers, traceparent: tx.traceparent },
    )
    return false
  } catch (error) {
    if (error instanceof DomainError && error.code === 'auth.email_taken') return true
    throw error
  }
}
