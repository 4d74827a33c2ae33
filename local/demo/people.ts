import * as z from 'zod'
import { authContract } from '../../shared/contracts/auth.ts'
import type { AccountId } from '../../shared/kernel/id.ts'
import { type Api, Refused } from './api.ts'
import { until } from './until.ts'

/** Somebody of the demo, signed in. */
export type Person = {
  readonly name: string
  readonly email: string
  readonly password: string
  readonly accountId: AccountId
  readonly accessToken: string
  readonly api: Api
}

/** Good enough for a hub on one machine, and shown on its page. */
export const SAMPLE_PASSWORD = 'learning hub sample'

const mailsSchema = z.array(z.object({ subject: z.string(), text: z.string() }))

/**
 * Signs somebody in; whoever is new signs up first and confirms the address with the token that was mailed.
 *
 * @param url of a hub on one machine: its page `/_hub/mail.json` is the inbox.
 */
export const meet = async (
  { api, url }: { api: Api; url: string },
  { name, email }: { name: string; email: string },
): Promise<Person> => {
  const password = SAMPLE_PASSWORD
  const signIn = () =>
    api.call(authContract, 'signIn', { body: { email, password, transport: 'body' } })
  const tokens = await signIn().catch(async (error: unknown) => {
    if (!(error instanceof Refused)) throw error
    await api.call(authContract, 'signUp', {
      body: { name, email, locale: 'en', timeZone: 'Europe/Paris' },
    })
    return confirm({ api, url, email, password, signIn })
  })
  const { accountId, accessToken } = tokens
  return { name, email, password, accountId, accessToken, api: api.as(accessToken) }
}

/**
 * Confirms an address with every token that was mailed to it, until signing in works. Another demo may be doing the same
 * for the same person: then its token counts, and ours has been used.
 */
const confirm = async <Tokens>({
  api,
  url,
  email,
  password,
  signIn,
}: {
  api: Api
  url: string
  email: string
  password: string
  signIn: () => Promise<Tokens>
}): Promise<Tokens> => {
  const tried = new Set<string>()
  return until('a mail to confirm the address', async () => {
    const token = (await mailedTokens(url, email)).find((one) => !tried.has(one))
    if (token === undefined) return undefined
    tried.add(token)
    await api.call(authContract, 'verifyEmail', { body: { token, password } }).catch(unlessRefused)
    return signIn().catch(unlessRefused)
  })
}

const unlessRefused = (error: unknown): undefined => {
  if (!(error instanceof Refused)) throw error
}

/** Newest first. */
const mailedTokens = async (url: string, email: string): Promise<readonly string[]> => {
  const answer = await fetch(`${url}/_hub/mail.json?to=${encodeURIComponent(email)}`)
  const mails = mailsSchema.parse(await answer.json())
  return mails.flatMap(({ text }) => /\/verify\?token=([\w.~-]+)/.exec(text)?.[1] ?? [])
}
