import { createHash } from 'node:crypto'
import type { OpaqueTokens } from '../../../shared/auth/opaque-token.ts'
import type { Tx } from '../../../shared/db/transaction.ts'
import { emailKeyOf } from '../../../shared/kernel/email.ts'
import { newId } from '../../../shared/kernel/id.ts'
import { addMs, toIso } from '../../../shared/kernel/time.ts'
import { type Account, MAIL_TOKEN_MS, mayBeMailed, type Purpose } from '../domain/account.ts'
import { type Backoff, countAttempt, MAIL_BACKOFF, waitMs } from '../domain/throttle.ts'
import { emit, mailTokens, throttles } from '../store.ts'

export type MailDeps = {
  readonly tokens: OpaqueTokens
  /** Only notification can open it. */
  sealForMail(token: string): Promise<string>
}

/** Mails a token to the address if its account waits for one; else does as much and leaves nothing. */
export const mailTokenTo = async (
  tx: Tx,
  { email, account, purpose }: { email: string; account: Account | undefined; purpose: Purpose },
  deps: MailDeps,
): Promise<void> => {
  const isInTurn = await takeTurn(tx, throttleKey(purpose, emailKeyOf(email)), MAIL_BACKOFF)
  const addressee = account ?? nobody(email, tx)
  const work = () => sendToken(tx, { account: addressee, purpose }, deps)
  if (account && mayBeMailed(account, purpose) && isInTurn) await work()
  else await tx.rehearse(work)
}

/** Tells the owner of a known address that it was used to sign up, as seldom as any other mail. */
export const tellOwner = async (tx: Tx, account: Account): Promise<void> => {
  const { accountId, email, locale } = account
  const isInTurn = await takeTurn(tx, throttleKey('repeated', emailKeyOf(email)), MAIL_BACKOFF)
  const work = () => emit(tx, [{ type: 'account.sign_up_repeated', accountId, email, locale }])
  if (isInTurn) await work()
  else await tx.rehearse(work)
}

/** The name of a bucket, unreadable: addresses do not lie about in it. */
export const throttleKey = (...parts: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex')

// What comes while the bucket is blocked does not count: nobody makes the wait longer by asking.
const takeTurn = async (tx: Tx, bucket: string, backoff: Backoff): Promise<boolean> => {
  const held = await throttles(tx).lockOrCreate(bucket)
  const isInTurn = waitMs(held, tx.now) === 0
  await throttles(tx).save(bucket, isInTurn ? countAttempt(held, backoff, tx.now) : held)
  return isInTurn
}

const sendToken = async (
  tx: Tx,
  { account, purpose }: { account: Account; purpose: Purpose },
  { tokens, sealForMail }: MailDeps,
): Promise<void> => {
  const token = tokens.make()
  const expiresAt = addMs(tx.now, MAIL_TOKEN_MS[purpose])
  const { accountId, email, locale } = account
  await mailTokens(tx).insert({
    tokenHash: tokens.hashOf(token),
    accountId,
    purpose,
    expiresAt,
  })
  await emit(tx, [
    {
      type:
        purpose === 'verify'
          ? 'account.verification_requested'
          : 'account.password_reset_requested',
      accountId,
      email,
      locale,
      sealedToken: await sealForMail(token),
      expiresAt: toIso(expiresAt),
    },
  ])
}

const nobody = (email: string, { now }: Tx): Account => ({
  accountId: newId('account'),
  email,
  passwordHash: null,
  locale: 'en',
  createdAt: now,
  verifiedAt: null,
  deactivatedAt: null,
})
