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
      body: { name, email, password, locale: 'en', timeZone: 'Europe/Paris' },
    })
    const token = await mailedToken(url, email)
    await api.call(authContract, 'verifyEmail', { body: { token } })
    return signIn()
  })
  const accountId = tokens.accountId
  const { accessToken } = tokens
  return { name, email, password, accountId, accessToken, api: api.as(accessToken) }
}

const mailedToken = (url: string, email: string): Promise<string> =>
  until('a mail to confirm the address', async () => {
    const answer = await fetch(`${url}/_hub/mail.json?to=${encodeURIComponent(email)}`)
    const mails = mailsSchema.parse(await answer.json())
    return mails.map(({ text }) => /[?&]token=([\w.~-]+)/.exec(text)?.[1]).find(Boolean)
  })
