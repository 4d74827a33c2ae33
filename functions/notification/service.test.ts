import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { type Mail, type MailServer, startMail } from '../../local/mail/mail.ts'
import { seal, unseal } from '../../shared/auth/seal.ts'
import { ACADEMY_ORGANIZATION_ID } from '../../shared/contracts/academy.ts'
import { type AccountId, type CourseId, newId } from '../../shared/kernel/id.ts'
import { addMs, DAY_MS, HOUR_MS, MINUTE_MS, toIso } from '../../shared/kernel/time.ts'
import type { Log } from '../../shared/observe/logger.ts'
import { useDatabase } from '../../tests/support/database.ts'
import { somebody, useDoors } from '../../tests/support/door.ts'
import { eventually } from '../../tests/support/eventually.ts'
import { mailEventsVerifier } from './commands/mail-events.ts'
import { sendgridMailer } from './commands/mailer.ts'
import { BATCH_MAX } from './commands/send.ts'
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
let beforeSending: ((mail: { to: string }) => Promise<void>) | undefined

const deps = (): Deps => ({
  mailer: {
    async send(mail) {
      await beforeSending?.(mail)
      return mailerAt(providerUrl ?? inbox.url).send(mail)
    },
  },
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
  beforeSending = undefined
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

const courseEvent = (courseId: CourseId, title: string) => ({
  courseId,
  organizationId: ACADEMY_ORGANIZATION_ID,
  title,
  slug: 'film',
  visibility: 'public' as const,
  instructorIds: [newId('account')],
})

const enrol = async (
  accountId: AccountId,
  options: { title?: string; extensions?: number } = {},
) => {
  const courseId = newId('course')
  if (options.title) await hub.deliver('course.created', courseEvent(courseId, options.title))
  const data = {
    enrollmentId: newId('enrollment'),
    courseId,
    organizationId: ACADEMY_ORGANIZATION_ID,
    accountId,
    versionId: newId('courseVersion'),
    startsAt: toIso(hub.clock.now()),
    endsAt: null,
  }
  const by = { organizationId: ACADEMY_ORGANIZATION_ID }
  await hub.deliver('enrollment.activated', data, by)
  for (let extension = 0; extension < (options.extensions ?? 0); extension += 1)
    await hub.deliver('enrollment.window_changed', data, by)
  return courseId
}

const invite = async (email: string, organizationName = 'Riverside') => {
  const organizationId = newId('organization')
  await hub.deliver(
    'invitation.created',
    {
      invitationId: newId('invitation'),
      organizationId,
      organizationName,
      email,
      role: 'learner',
      locale: 'fr-CA',
      sealedToken: await seal(aToken(), sealKey),
      expiresAt: toIso(addMs(hub.clock.now(), DAY_MS)),
    },
    { organizationId },
  )
}

/** The path of the one-click link of a mail's header. */
const unsubscribePath = (mail: Mail | undefined) => {
  const url = /<(.+)>/.exec(mail?.headers['List-Unsubscribe'] ?? '')?.[1] ?? PUBLIC_URL
  return url.slice(PUBLIC_URL.length)
}

const useProvider = async (status: number) => {
  const server = createServer((_, response) => response.writeHead(status).end('{"errors":[]}'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const bound = server.address()
  providerUrl = `http://127.0.0.1:${typeof bound === 'object' && bound ? bound.port : 0}`
  return {
    close: () =>
      new Promise<void>((resolve) => {
        providerUrl = undefined
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** What SendGrid would post, signed with its key. */
const mailEvents = (events: unknown, options: { ageMs?: number; key?: KeyObject } = {}) => {
  const body = typeof events === 'string' ? events : JSON.stringify(events)
  const timestamp = String(Math.floor((hub.clock.now() - (options.ageMs ?? 0)) / 1_000))
  const signature = sign(
    'sha256',
    Buffer.from(timestamp + body),
    options.key ?? provider.privateKey,
  )
  return hub.post('/v1/notifications/mail-events', {
    body,
    headers: {
      'x-twilio-email-event-webhook-signature': signature.toString('base64'),
      'x-twilio-email-event-webhook-timestamp': timestamp,
    },
  })
}

describe('sending mail', () => {
  it('mails the link with the opened token, in plain text and in HTML', async () => {
    const person = await aPerson()
    const token = await requestVerification(person)
    await send()
    const [mail] = mailsTo(person.email)
    expect(mail).toMatchObject({ subject: 'Confirm your mail address', from: 'hub@example.org' })
    expect(mail?.text).toContain(`${PUBLIC_URL}/verify?token=${token}`)
    expect(mail?.text).toContain('Hello Ada,')
    expect(mail?.html).toContain(`href="${PUBLIC_URL}/verify?token=${token}"`)
    expect(mail?.headers).not.toHaveProperty('List-Unsubscribe')
  })

  it('sends a mail under the trace of what it tells of', async () => {
    const person = await aPerson()
    await requestVerification(person)
    const [row] = await deliveryRows('true')
    await send()
    expect(row?.trace_id).toMatch(/^[0-9a-f]{32}$/)
    expect(mailsTo(person.email)).toMatchObject([{ traceId: row?.trace_id }])
  })

  it('wakes the sender once the mail is committed, and not for a repetition', async () => {
    const person = await aPerson()
    const id = newId('event')
    seenAtWake.length = 0
    await requestVerification(person, { id })
    expect(seenAtWake).toEqual([1])
    await requestVerification(person, { id })
    expect(seenAtWake).toEqual([1])
  })

  it('mails a redelivered event once, before and after it was sent', async () => {
    const person = await aPerson()
    const id = newId('event')
    await requestVerification(person, { id })
    await requestVerification(person, { id })
    await send()
    // Even without the inbox row the dedupe key holds.
    await database.query(`delete from notification.inbox where event_id = $1`, [id])
    await requestVerification(person, { id })
    await send()
    expect(mailsTo(person.email)).toHaveLength(1)
  })

  it('sends each mail once, however many senders race', async () => {
    const crowd = await Promise.all(Array.from({ length: 25 }, () => aPerson()))
    for (const person of crowd) await requestVerification(person)
    await Promise.all(Array.from({ length: 6 }, send))
    for (const { email } of crowd) expect(mailsTo(email)).toHaveLength(1)
    expect(await deliveryRows(`state <> 'sent'`)).toEqual([])
  })

  it('ends only when every mail in the air is written down, though one could not be', async () => {
    const [first, second] = [await aPerson(), await aPerson()]
    for (const person of [first, second]) await requestVerification(person)
    await database.query(`
      create sequence notification.refusals;
      create function notification.refuse() returns trigger language plpgsql as $$ begin
        perform nextval('notification.refusals');
        raise exception 'not written down';
      end $$;
      create trigger refusal before update on notification.deliveries for each row
        when (new.account_id = '${first.accountId}' and new.state = 'sent')
        execute function notification.refuse();
      grant usage on sequence notification.refusals to public`)
    // The second mail leaves when the first one could not be written down.
    beforeSending = async ({ to }) => {
      if (to !== second.email) return
      await eventually(async () =>
        expect(await database.query('select is_called from notification.refusals')).toEqual([
          { is_called: true },
        ]),
      )
    }
    try {
      await expect(send()).rejects.toThrow('not written down')
      expect(await deliveryRows(`state = 'sent'`)).toMatchObject([{ account_id: second.accountId }])
    } finally {
      await database.query(`
        drop trigger refusal on notification.deliveries;
        drop function notification.refuse;
        drop sequence notification.refusals`)
    }
  })

  it('keeps neither address nor content of what has ended, and nothing at all after 30 days', async () => {
    await requestVerification(await aPerson())
    await send()
    expect(await deliveryRows('true')).toMatchObject([
      { state: 'sent', address: null, content: null },
    ])
    await hub.runJob('sweepOld')
    expect(await deliveryRows('true')).toHaveLength(1)
    hub.clock.advanceMs(31 * DAY_MS)
    await hub.runJob('sweepOld')
    expect(await deliveryRows('true')).toEqual([])
  })

  it('speaks the language of its reader: de-AT falls back to de, an unwritten one to en', async () => {
    const [austrian, dane] = [await aPerson({ locale: 'de-AT' }), await aPerson({ locale: 'da' })]
    await requestVerification(austrian)
    await requestVerification(dane)
    await send()
    expect(mailsTo(austrian.email)[0]?.subject).toBe('Bestätigen Sie Ihre E-Mail-Adresse')
    expect(mailsTo(dane.email)[0]?.subject).toBe('Confirm your mail address')
  })

  it('escapes what people call themselves and their courses', async () => {
    const person = await aPerson({ name: '<b>Eve</b>\r\nBcc: all@example.org' })
    await enrol(person.accountId, { title: '<script>alert("1")</script>\n{name}' })
    await send()
    const [mail] = mailsTo(person.email)
    expect(mail?.subject).toBe('You are enrolled in <script>alert("1")</script> {name}')
    expect(mail?.html).not.toMatch(/<script>|<b>/)
    expect(mail?.html).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;')
  })

  it('does not send a link that has expired meanwhile', async () => {
    const person = await aPerson()
    await requestVerification(person)
    hub.clock.advanceMs(DAY_MS + 1)
    await send()
    expect(mailsTo(person.email)).toEqual([])
    expect(await deliveryRows('true')).toMatchObject([{ state: 'skipped', reason: 'expired' }])
  })

  it('tries again later while the provider is unwell, ever less often, and gives up in the end', async () => {
    const person = await aPerson()
    await enrol(person.accountId)
    const unwell = await useProvider(503)
    const waits: number[] = []
    for (let attempt = 1; attempt < ATTEMPTS_MAX; attempt += 1) {
      await send()
      const [row] = await deliveryRows('true')
      expect(row).toMatchObject({ state: 'waiting', attempts: attempt, reason: 'provider.503' })
      const waitMs = new Date(row?.due_at as string).getTime() - hub.clock.now()
      waits.push(waitMs)
      hub.clock.advanceMs(waitMs - 1)
      await send()
      expect(await deliveryRows('true')).toMatchObject([{ attempts: attempt }])
      hub.clock.advanceMs(1)
    }
    await send()
    await unwell.close()
    expect(await deliveryRows('true')).toMatchObject([{ state: 'failed', reason: 'provider.503' }])
    expect(waits).toEqual([...waits].sort((a, b) => a - b))
    expect(waits.at(-1)).toBeLessThanOrEqual(HOUR_MS)
    await send()
    expect(mailsTo(person.email)).toEqual([])
  })

  it('gives up at once what the provider will never take', async () => {
    await requestVerification(await aPerson())
    const strict = await useProvider(400)
    await send()
    await strict.close()
    expect(await deliveryRows('true')).toMatchObject([
      { state: 'failed', reason: 'provider.400', attempts: 1 },
    ])
  })

  it('lets no batch of mails that cannot be made hold up another', async () => {
    const [broken, whole] = [await aPerson(), await aPerson()]
    await requestVerification(broken)
    for (let count = 1; count < BATCH_MAX; count += 1) await requestVerification(await aPerson())
    await database.query(
      `update notification.deliveries set content = jsonb_set(content, '{sealedToken}', '"torn"')`,
    )
    await requestVerification(whole)
    await send()
    expect(mailsTo(whole.email)).toHaveLength(1)
    expect(mailsTo(broken.email)).toEqual([])
  })

  it('takes over from a sender that died, after its lease', async () => {
    const person = await aPerson()
    await requestVerification(person)
    await database.query(
      `update notification.deliveries set lease = 'dead', leased_until = to_timestamp($1 / 1000.0)`,
      [addMs(hub.clock.now(), MINUTE_MS)],
    )
    await send()
    expect(mailsTo(person.email)).toEqual([])
    hub.clock.advanceMs(MINUTE_MS)
    await send()
    expect(mailsTo(person.email)).toHaveLength(1)
  })

  it('gives up a mail whose senders have all died: each may have sent it', async () => {
    const person = await aPerson()
    await requestVerification(person)
    await database.query(
      `update notification.deliveries
      set lease = 'dead', leased_until = to_timestamp($1 / 1000.0), attempts = $2`,
      [hub.clock.now(), ATTEMPTS_MAX],
    )
    await send()
    expect(mailsTo(person.email)).toEqual([])
    expect(await deliveryRows('true')).toMatchObject([
      { state: 'failed', reason: 'attempts_exhausted' },
    ])
  })

  it('does not repeat what the provider says it has, though its sender died before the confirmation', async () => {
    const person = await aPerson()
    await requestVerification(person)
    const [row] = await deliveryRows('true')
    const event = { event: 'processed', email: person.email, deliveryId: row?.delivery_id }
    expect((await mailEvents([event])).status).toBe(204)
    await send()
    expect(mailsTo(person.email)).toEqual([])
  })

  it('waits for an address that is still on its way', async () => {
    const as = somebody('learner')
    await enrol(as.accountId)
    await send()
    const email = anAddress()
    await hub.deliver('account.email_verified', { accountId: as.accountId, email })
    hub.clock.advanceMs(HOUR_MS)
    await send()
    expect(mailsTo(email)).toHaveLength(1)
  })

  it('writes to nobody who has left, and forgets the address', async () => {
    const person = await aPerson()
    await enrol(person.accountId)
    await hub.deliver('user.deactivated', { accountId: person.accountId })
    await enrol(person.accountId)
    await send()
    expect(mailsTo(person.email)).toEqual([])
    expect((await hub.get('/v1/notifications', { as: person.as })).body.items).toHaveLength(2)
    const [contact] = await database.query(
      'select * from notification.contacts where account_id = $1',
      [person.accountId],
    )
    expect(contact).toMatchObject({ email: null, name: '' })
  })

  it('learns no name again from news of before that comes late', async () => {
    const person = await aPerson()
    await hub.deliver('user.deactivated', { accountId: person.accountId })
    hub.clock.advanceMs(-HOUR_MS)
    await hub.deliver('user.profile_updated', {
      ...{ accountId: person.accountId, name: 'Ada', locale: 'de', timeZone: 'Europe/Berlin' },
      ...{ avatarMediaId: null },
    })
    hub.clock.advanceMs(HOUR_MS)
    const [contact] = await database.query(
      'select * from notification.contacts where account_id = $1',
      [person.accountId],
    )
    expect(contact).toMatchObject({ name: '' })
  })

  it('follows the latest address and language, whichever topic came first', async () => {
    const person = await aPerson()
    const [later, earlier] = [anAddress(), anAddress()]
    hub.clock.advanceMs(MINUTE_MS)
    await hub.deliver('user.email_changed', { accountId: person.accountId, email: later })
    hub.clock.advanceMs(-1)
    await hub.deliver('account.email_verified', { accountId: person.accountId, email: earlier })
    await hub.deliver('user.profile_updated', {
      accountId: person.accountId,
      name: 'Ada',
      locale: 'es',
      timeZone: 'Europe/Madrid',
      avatarMediaId: null,
    })
    await enrol(person.accountId)
    await send()
    expect(mailsTo(later)[0]?.subject).toBe('Ya tiene acceso: su curso')
    expect(mailsTo(earlier)).toEqual([])
  })
})

describe('what is told', () => {
  it('asks the new address for its consent and warns the old one', async () => {
    const person = await aPerson()
    const newEmail = anAddress()
    const token = aToken()
    await hub.deliver('user.email_change_requested', {
      accountId: person.accountId,
      oldEmail: person.email,
      newEmail,
      locale: 'en',
      sealedToken: await seal(token, sealKey),
      expiresAt: toIso(addMs(hub.clock.now(), HOUR_MS)),
    })
    await send()
    expect(mailsTo(newEmail)[0]?.text).toContain(`${PUBLIC_URL}/confirm-email?token=${token}`)
    expect(mailsTo(person.email)[0]?.subject).toBe('Your mail address is about to change')
    expect(mailsTo(person.email)[0]?.text).not.toContain(token)
  })

  it('mails what concerns the account, the password and its security', async () => {
    const { accountId, email, locale } = await aPerson()
    const token = aToken()
    await hub.deliver('account.sign_up_repeated', { accountId, email, locale })
    await hub.deliver('account.password_changed', { accountId, email, locale })
    await hub.deliver('account.password_reset_requested', {
      accountId,
      email,
      locale,
      sealedToken: await seal(token, sealKey),
      expiresAt: toIso(addMs(hub.clock.now(), HOUR_MS)),
    })
    await send()
    expect(
      mailsTo(email)
        .map(({ subject }) => subject)
        .sort(),
    ).toEqual(['Choose a new password', 'You already have an account', 'Your password was changed'])
    expect(
      mailsTo(email)
        .map(({ text }) => text)
        .join(),
    ).toContain(`/reset?token=${token}`)
  })

  it('tells learners and teachers of courses, videos and certificates', async () => {
    const { as, accountId, email } = await aPerson()
    const courseId = await enrol(accountId, { title: 'Film' })
    const organizationId = ACADEMY_ORGANIZATION_ID
    const video = { videoId: newId('video'), mediaId: newId('media'), organizationId, version: 1 }
    // The second brings captions, of which nobody needs to be told.
    for (const [type, masterPlaylist] of [
      ['video.ready', 'master-0.m3u8'],
      ['video.captions_changed', 'master-1.m3u8'],
    ] as const)
      await hub.deliver(type, {
        ...video,
        ownerId: accountId,
        durationMs: 1,
        widthPx: 1,
        heightPx: 1,
        ...{ bucket: 'b', prefix: 'p/', masterPlaylist, poster: 'p', sprite: 's' },
        thumbnails: 't',
      })
    await hub.deliver('video.failed', {
      ...video,
      ownerId: accountId,
      reasonCode: 'x',
      reason: 'There is no picture in it.',
    })
    const certificate = {
      certificateId: newId('certificate'),
      accountId,
      courseId,
      organizationId,
      courseTitle: 'Film',
    }
    await hub.deliver('certificate.issued', {
      ...certificate,
      verifyUrl: `${PUBLIC_URL}/verify/abc`,
      issuedAt: toIso(hub.clock.now()),
      supersedesId: null,
    })
    await hub.deliver('certificate.revoked', {
      ...certificate,
      reason: 'A mistake.',
      revokedAt: toIso(hub.clock.now()),
    })
    await send()
    const subjects = [
      'Your certificate for Film was revoked',
      'Your certificate for Film',
      'Your video could not be prepared',
      'Your video is ready',
      'You are enrolled in Film',
    ]
    expect(
      mailsTo(email)
        .map(({ subject }) => subject)
        .sort(),
    ).toEqual([...subjects].sort())
    const { body } = await hub.get('/v1/notifications', { as })
    expect(body.items.map(({ title }: { title: string }) => title)).toEqual([
      ...subjects,
      'Welcome to Learning Hub',
    ])
    expect(body.items[0].text).toContain('A mistake.')
    expect(body.items[1].link).toBe(`${PUBLIC_URL}/verify/abc`)
    expect(body.items[4].link).toBe(`${PUBLIC_URL}/courses/${courseId}`)
  })

  it('tells of an enrolment once, not of each extension', async () => {
    const { as, accountId, email } = await aPerson()
    await enrol(accountId, { extensions: 2 })
    await send()
    expect(mailsTo(email)).toHaveLength(1)
    const { body } = await hub.get('/v1/notifications', { as })
    expect(body.items).toHaveLength(2)
  })

  it('invites an address that has no account, in the language of the invitation', async () => {
    const email = anAddress()
    await invite(email)
    await send()
    const [mail] = mailsTo(email)
    expect(mail?.subject).toBe('Riverside vous invite sur Learning Hub')
    expect(mail?.text).toMatch(/https:\/\/hub\.example\.org\/join\?token=[\w-]+/)
  })
})

describe('GET /v1/notifications', () => {
  it('pages through one’s own, newest first, and counts the unread ones', async () => {
    const { as, accountId } = await aPerson()
    await aPerson()
    for (const title of ['One', 'Two', 'Three']) await enrol(accountId, { title })
    const first = await hub.get('/v1/notifications?limit=2', { as })
    expect(first.body).toMatchObject({
      unreadCount: 4,
      items: [{ title: /Three/ }, { title: /Two/ }].map(({ title }) => ({
        title: expect.stringMatching(title),
        readAt: null,
      })),
    })
    const next = await hub.get(`/v1/notifications?limit=2&cursor=${first.body.nextCursor}`, { as })
    expect(next.body.items).toHaveLength(2)
    expect(next.body.nextCursor).toBeNull()
  })

  it('speaks the reader’s language of now and knows titles that came later', async () => {
    const { as, accountId } = await aPerson()
    const courseId = await enrol(accountId)
    expect((await hub.get('/v1/notifications', { as })).body.items[0].title).toBe(
      'You are enrolled in your course',
    )
    await hub.deliver('course.created', courseEvent(courseId, 'Film'))
    await hub.deliver('user.profile_updated', {
      accountId,
      name: 'Ada',
      locale: 'de-CH',
      timeZone: 'Europe/Zurich',
      avatarMediaId: null,
    })
    expect((await hub.get('/v1/notifications', { as })).body.items[0].title).toBe(
      'Zugang freigeschaltet: Film',
    )
  })

  it('refuses a foreign cursor, an unknown field and a stranger', async () => {
    const as = somebody('learner')
    expect((await hub.get('/v1/notifications?cursor=x', { as })).body.code).toBe('request.cursor')
    expect((await hub.get('/v1/notifications?unread=false', { as })).status).toBe(400)
    expect((await hub.get('/v1/notifications')).status).toBe(401)
  })
})

describe('POST /v1/notifications/{notificationId}/read', () => {
  it('notes the first time and is harmless to repeat', async () => {
    const { as } = await aPerson()
    const [{ notificationId }] = (await hub.get('/v1/notifications', { as })).body.items
    const path = `/v1/notifications/${notificationId}/read`
    const { body } = await hub.post(path, { as })
    expect(body.readAt).toBe(toIso(hub.clock.now()))
    hub.clock.advanceMs(MINUTE_MS)
    expect((await hub.post(path, { as })).body.readAt).toBe(body.readAt)
    expect((await hub.get('/v1/notifications?unread=true', { as })).body).toMatchObject({
      items: [],
      unreadCount: 0,
    })
  })

  it('hides another person’s behind 404', async () => {
    const { as } = await aPerson()
    const [{ notificationId }] = (await hub.get('/v1/notifications', { as })).body.items
    const path = `/v1/notifications/${notificationId}/read`
    const stranger = await hub.post(path, { as: somebody('platform_admin') })
    expect([stranger.status, stranger.body.code]).toEqual([404, 'notification.not_found'])
    expect((await hub.post(path)).status).toBe(401)
    expect((await hub.post('/v1/notifications/x/read', { as })).status).toBe(400)
  })
})

describe('POST /v1/notifications/read', () => {
  it('leaves unread what came after the newest one that was seen', async () => {
    const { as, accountId } = await aPerson()
    await enrol(accountId)
    const [seen] = (await hub.get('/v1/notifications', { as })).body.items
    await enrol(accountId)
    const body = { newestSeenId: seen.notificationId }
    expect((await hub.post('/v1/notifications/read', { as, body })).body).toEqual({
      unreadCount: 1,
    })
    expect((await hub.post('/v1/notifications/read', { as, body: {} })).status).toBe(400)
    expect((await hub.post('/v1/notifications/read', { body })).status).toBe(401)
  })
})

describe('preferences', () => {
  const path = '/v1/notifications/preferences'
  const prefer = (as: Person['as'], ...items: object[]) => hub.patch(path, { as, body: { items } })
  const off = (category: string, channel: string) => ({ category, channel, isEnabled: false })

  it('are on unless turned off, by category and channel', async () => {
    const { as } = await aPerson()
    const before = await hub.get(path, { as })
    expect(before.body.items).toHaveLength(12)
    expect(before.body.items.every((one: { isEnabled: boolean }) => one.isEnabled)).toBe(true)
    const after = await prefer(as, off('learning', 'mail'))
    expect(after.body.items.filter((one: { isEnabled: boolean }) => !one.isEnabled)).toEqual([
      { ...off('learning', 'mail'), isMandatory: false },
    ])
  })

  it('keep mail or the row away, also for what waits already', async () => {
    const { as, accountId, email } = await aPerson()
    await prefer(as, off('learning', 'in_app'))
    await enrol(accountId)
    await prefer(as, off('learning', 'mail'))
    await send()
    expect(mailsTo(email)).toEqual([])
    expect(await deliveryRows('true')).toMatchObject([{ state: 'skipped', reason: 'preference' }])
    expect((await hub.get('/v1/notifications', { as })).body.items).toHaveLength(1)
  })

  it('cannot turn account and security mail off', async () => {
    const { as } = await aPerson()
    for (const category of ['account', 'security']) {
      const { status, body } = await prefer(as, off('learning', 'mail'), off(category, 'mail'))
      expect([status, body.code]).toEqual([422, 'notification.category_mandatory'])
    }
    expect(
      (await hub.get(path, { as })).body.items.map(
        ({ isEnabled }: { isEnabled: boolean }) => isEnabled,
      ),
    ).not.toContain(false)
  })

  it('refuse what is no category, and strangers', async () => {
    expect((await prefer(somebody('learner'), off('spam', 'mail'))).status).toBe(400)
    expect((await hub.patch(path, { body: { items: [off('learning', 'mail')] } })).status).toBe(401)
    expect((await hub.get(path)).status).toBe(401)
  })
})

describe('unsubscribing', () => {
  it('takes one press of the mail program’s button, and not the opening of the link', async () => {
    const { as, accountId, email } = await aPerson()
    await enrol(accountId)
    await send()
    const [mail] = mailsTo(email)
    expect(mail?.headers).toMatchObject({ 'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click' })
    expect(mail?.text).toContain(PUBLIC_URL + unsubscribePath(mail))

    const page = await hub.get(unsubscribePath(mail))
    expect(page.headers.get('content-type')).toContain('text/html')
    expect(page.text).toContain('<form method="post">')
    await enrol(accountId)
    await send()
    expect(mailsTo(email)).toHaveLength(2)

    const oneClick = {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    }
    for (let press = 0; press < 2; press += 1)
      expect((await hub.post(unsubscribePath(mail), oneClick)).text).toContain('no more mails')
    await enrol(accountId)
    await send()
    expect(mailsTo(email)).toHaveLength(2)
    expect((await hub.get('/v1/notifications/preferences', { as })).body.items).toContainEqual({
      category: 'learning',
      channel: 'mail',
      isEnabled: false,
      isMandatory: false,
    })
  })

  it('works for an address without an account, and for that category alone', async () => {
    const email = anAddress()
    await invite(email)
    await send()
    await hub.post(unsubscribePath(mailsTo(email)[0]))
    await invite(email)
    await send()
    expect(mailsTo(email)).toHaveLength(1)
    expect(await deliveryRows(`state = 'skipped'`)).toMatchObject([{ reason: 'unsubscribed' }])
  })

  it('refuses a link that we did not make', async () => {
    const forged = await signedSubscriptions(new Uint8Array(32).fill(9)).sign({
      recipient: newId('account'),
      category: 'learning',
      locale: 'en',
    })
    for (const send of [hub.get, hub.post]) {
      const { status, body } = await send(`/v1/notifications/unsubscribe?subscription=${forged}`)
      expect([status, body.code]).toEqual([400, 'notification.subscription_invalid'])
      expect((await send('/v1/notifications/unsubscribe')).status).toBe(400)
    }
  })
})

describe('POST /v1/notifications/mail-events', () => {
  it('believes the provider alone, and only for a day', async () => {
    const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    const answers = await Promise.all([
      mailEvents([], { key: stranger }),
      mailEvents([], { ageMs: 2 * DAY_MS }),
      hub.post('/v1/notifications/mail-events', { body: '[]' }),
    ])
    for (const { status, body } of answers)
      expect([status, body.code]).toEqual([401, 'notification.signature_invalid'])
    expect((await mailEvents('{"event":')).body.code).toBe('notification.mail_events_invalid')
    expect((await mailEvents([])).status).toBe(204)
  })

  it('believes nobody without the provider’s key', () => {
    const headers = new Headers({ 'x-twilio-email-event-webhook-timestamp': '1' })
    expect(mailEventsVerifier(undefined)({ headers, text: '[]' }, hub.clock.now())).toBe(false)
  })

  it('writes to no mailbox that does not exist, until it is proven or a month has passed', async () => {
    const person = await aPerson()
    const bounce = [{ event: 'bounce', type: 'bounce', email: person.email.toUpperCase() }]
    const countAfter = async () => {
      await requestVerification(person)
      await send()
      return mailsTo(person.email).length
    }
    await mailEvents(bounce)
    expect(await countAfter()).toBe(0)
    await hub.deliver('account.email_verified', person)
    expect(await countAfter()).toBe(1)
    await mailEvents(bounce)
    expect(await countAfter()).toBe(1)
    hub.clock.advanceMs(BOUNCE_SUPPRESSED_MS)
    expect(await countAfter()).toBe(2)
  })

  it('spares who complained all but mandatory mail', async () => {
    const person = await aPerson()
    await mailEvents([{ event: 'spamreport', email: person.email }])
    await enrol(person.accountId)
    await requestVerification(person)
    await send()
    expect(mailsTo(person.email).map(({ subject }) => subject)).toEqual([
      'Confirm your mail address',
    ])
  })

  it('heeds the provider’s own unsubscription until the person wants the mails again', async () => {
    const { as, accountId, email } = await aPerson()
    await mailEvents([{ event: 'unsubscribe', email, category: ['learning'] }])
    await enrol(accountId)
    await send()
    expect(mailsTo(email)).toEqual([])
    const items = [{ category: 'learning', channel: 'mail', isEnabled: true }]
    await hub.patch('/v1/notifications/preferences', { as, body: { items } })
    await enrol(accountId)
    await send()
    expect(mailsTo(email)).toHaveLength(1)
  })
})

describe('the log', () => {
  it('holds no address and no token of all the above', () => {
    const text = JSON.stringify(lines)
    expect(secrets.size).toBeGreaterThan(50)
    expect([...secrets].filter((secret) => text.includes(secret))).toEqual([])
  })
})

describe('the contract', () => {
  it('has been shown in full by the tests above', () => {
    expect(hub.uncovered()).toEqual([])
  })
})
