import { generateKeyPairSync, sign } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { type Mail, type MailServer, startMail } from '../../local/mail/mail.ts'
import { seal, unseal } from '../../shared/auth/seal.ts'
import { ACADEMY_ORGANIZATION_ID } from '../../shared/contracts/academy.ts'
import type { AccountId, newId } from '../../shared/kernel/id.ts'
import { addMs, DAY_MS, HOUR_MS, MINUTE_MS, toIso } from '../../shared/kernel/time.ts'
import type { Log } from '../../shared/observe/logger.ts'
import { useDatabase } from '../../tests/support/database.ts'
import { somebody, useDoors } from '../../tests/support/door.ts'
import { mailEventsVerifier } from './commands/mail-events.ts'
import { sendgridMailer } from './commands/mailer.ts'
import { signedSubscriptions } from './commands/subscription.ts'
import { ATTEMPTS_MAX } from './domain/delivery.ts'
import { BOUNCE_SUPPRESSED_MS } from './domain/mail-event.ts'
import type { Deps } from './routes.ts'
import { notification } from './service.ts'

const PUBLIC_URL = 'https://hub.example.org'
const API_KEY = 'SG.test'
const sealKey = new Uint8Array(32).fill(1)
const provider = generateKeyPairSync('ec', { namedCurve: 'P-256' })

// Every line that the service logs in this file; the last test reads them.
const lines: unknown[] = []
const write = (...line: unknown[]) => void lines.push(line)
const log: Log = { info: write, warn: write, error: write }
// Addresses and tokens that went through the service: none of them is in a log line.
const secrets = new Set<string>()

let dataDir: string
let inbox: MailServer
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hub-notification-'))
  inbox = await startMail({ dataDir, port: 0, apiKey: API_KEY })
})
afterAll(async () => {
  await inbox.close()
  await rm(dataDir, { recursive: true, force: true })
})

const mailerAt = (baseUrl: string) =>
  sendgridMailer({ apiKey: API_KEY, baseUrl, from: 'Learning Hub <hub@example.org>' })

const database = useDatabase()
/** How many mails another connection saw waiting at the moment of each wake. */
const seenAtWake: number[] = []
// What a test puts in the place of the mail provider.
let providerUrl: string | undefined

const deps = (): Deps => ({
  mailer: { send: (mail) => mailerAt(providerUrl ?? inbox.url).send(mail) },
  subscriptions: signedSubscriptions(new Uint8Array(32).fill(2)),
  verifyMailEvents: mailEventsVerifier(
    provider.publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
  ),
  unseal: (sealed) => unseal(sealed, sealKey),
  publicUrl: PUBLIC_URL,
  random: () => 0.5,
  wakeSender: async () => {
    const waiting = await deliveryRows(`state = 'waiting'`)
    seenAtWake.push(waiting.length)
  },
})
const hub = useDoors(database, notification, deps, { log })

const deliveryRows = (where: string) =>
  database.query<{
    state: string
    reason: string | null
    attempts: number
    [column: string]: unknown
  }>(`select * from notification.deliveries where ${where} order by created_at, delivery_id`)

beforeEach(async () => {
  providerUrl = undefined
  await database.query('truncate notification.deliveries')
})

let people = 0
const anAddress = () => {
  people += 1
  const address = `person-${people}@example.org`
  secrets.add(address)
  return address
}

const send = () => hub.runJob('sendDeliveries')
const mailsTo = (to: string): readonly Mail[] => inbox.list({ limit: 100, to })

/** Somebody of whom auth has told. */
const aPerson = async (profile: { locale?: string; name?: string } = {}) => {
  const as = somebody('learner')
  const { accountId } = as
  const email = anAddress()
  const about = { name: 'Ada', locale: 'en', timeZone: 'Europe/Paris', ...profile }
  await hub.deliver('account.registered', {
    ...about,
    accountId,
    email,
    organizationId: ACADEMY_ORGANIZATION_ID,
  })
  return { as, accountId, email, ...about }
}
type Person = Awaited<ReturnType<typeof aPerson>>

let tokens = 0
const aToken = () => {
  tokens += 1
  const token = `open-token-${tokens}-${'x'.repeat(24)}`
  secrets.add(token)
  return token
}

const requestVerification = async (
  { accountId, email, locale }: { accountId: AccountId; email: string; locale: string },
  options: { id?: ReturnType<typeof newId<'event'>> } = {},
) => {
  const token = aToken()
  const expiresAt = toIso(addMs(hub.clock.now(), DAY_MS))
  const sealedToken = await seal(token, sealKey)
  const data = { accountId, email, locale, sealedToken, expiresAt }
  await hub.deliver('account.verification_requested', data, options)
  return token
}

describe('sending mail', () => {
  it('mails the link with the opened token, in plain text and in HTML', async () => {
    const person = await aPerson()
    const token = await requestVerification(person)
    await send()
    const [mail] = mailsTo(person.email)
    expect(mail).toMatchObject({ subject: 'Confirm your mail address', from: 'hub@example.org' })
    expect(mail?.text).toContain(`${PUBLIC_URL}/verify?token=${token}`)
    expect(mail?.html).toContain(`href="${PUBLIC_URL}/verify?token=${token}"`)
    expect(mail?.headers).not.toHaveProperty('List-Unsubscribe')
  })
})
