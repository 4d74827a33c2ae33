import { createHash, createPublicKey, verify } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose'
import type { CertificateRule, Item } from '../../shared/events/course-outline.ts'
import type { DataOf } from '../../shared/events/registry.ts'
import type { Principal } from '../../shared/http/caller.ts'
import { DomainError } from '../../shared/kernel/errors.ts'
import { type AssessmentId, newId } from '../../shared/kernel/id.ts'
import { DAY_MS, MINUTE_MS, toIso } from '../../shared/kernel/time.ts'
import { useDatabase } from '../../tests/support/database.ts'
import { somebody, useDoors } from '../../tests/support/door.ts'
import { useStorage } from '../../tests/support/storage.ts'
import { PUBLIC_URL, signing, useIssuance } from '../../workflows/certificate-issuance/testing.ts'
import type { Executions } from './commands/executions.ts'
import { CHECK_AFTER_MS, GIVE_UP_AFTER_MS } from './domain/certificate.ts'
import { KEY_ROTATION } from './domain/signing-key.ts'
import { certificate } from './service.ts'

// What course would answer about a course that is not remembered.
const course = {
  getCourse: async () => {
    throw new DomainError('not_found', 'course.not_found', 'No.')
  },
}

const database = useDatabase()
const bucket = useStorage()
const starts: string[] = []
let isMachineAway = false
// The real client; a test may take the machine away, and sees how often it was asked.
const executions = (): Executions => ({
  async start(one) {
    starts.push(one.certificateId)
    if (isMachineAway) throw new Error('the machine is away')
    await workflow.executions().start(one)
  },
  state: (one) => workflow.executions().state(one),
})
const hub = useDoors(database, certificate, () => ({
  ...signing,
  storage: bucket.storage(),
  executions: executions(),
  course,
}))
const workflow = useIssuance(database, bucket, hub.clock)

const organizationId = newId('organization')
const instructor = somebody('instructor', { organizationId })
const admin = somebody('admin', { organizationId })
const stranger = somebody('owner')
const START = hub.clock.now()

beforeEach(() => {
  starts.length = 0
  workflow.ran.length = 0
})
afterEach(async () => {
  await workflow.settled()
  isMachineAway = false
  hub.clock.set(START)
})

const ON_COMPLETION: CertificateRule = {
  kind: 'on_completion',
  gradeBasisPointsMin: 0,
  validDays: null,
}

type Published = DataOf<'course.published'>

const quiz = (assessmentId: AssessmentId, required = true): Item => ({
  lessonId: newId('lesson'),
  revision: 1,
  moduleId: newId('module'),
  moduleTitle: 'One',
  title: 'Quiz',
  required,
  completion: { kind: 'quiz_passed', assessmentId },
})

const aCourse = async (
  rule: CertificateRule = ON_COMPLETION,
  items: Item[] = [],
): Promise<Published> => {
  const published: Published = {
    courseId: newId('course'),
    organizationId,
    title: 'Film editing <basics>',
    slug: 'film-editing',
    visibility: 'public',
    instructorIds: [instructor.accountId],
    versionId: newId('courseVersion'),
    versionNumber: 3,
    prerequisiteIds: [],
    items,
    completionRule: { kind: 'all_required' },
    certificateRule: rule,
    publishedAt: toIso(START),
  }
  await hub.deliver('course.published', published, { organizationId })
  return published
}

const aLearner = async (name = 'Ada Lovelace', email = 'Ada@example.org'): Promise<Principal> => {
  const learner = somebody('learner', { organizationId })
  await hub.deliver('account.registered', {
    accountId: learner.accountId,
    email,
    name,
    locale: 'en',
    timeZone: 'UTC',
    organizationId,
  })
  return learner
}

const completed = (
  of: Published,
  learner: Principal,
  completedAt = START,
): DataOf<'progress.course_completed'> => ({
  enrollmentId: newId('enrollment'),
  accountId: learner.accountId,
  courseId: of.courseId,
  organizationId,
  versionId: of.versionId,
  completedAt: toIso(completedAt),
})

const complete = (of: Published, learner: Principal) =>
  hub.deliver('progress.course_completed', completed(of, learner), { organizationId })

const grade = (
  of: Published,
  learner: Principal,
  result: { assessmentId: AssessmentId; gradeBasisPoints: number; resultNumber?: number },
) =>
  hub.deliver(
    'attempt.graded',
    {
      attemptId: newId('attempt'),
      courseId: of.courseId,
      organizationId,
      accountId: learner.accountId,
      passed: true,
      gradedAt: toIso(START),
      ...result,
    },
    { organizationId },
  )

const ownOf = async (learner: Principal) =>
  (await hub.get('/v1/certificates', { as: learner })).body.items

const newestOf = async (learner: Principal) => {
  await workflow.settled()
  return (await ownOf(learner))[0]
}

const anIssued = async (rule: CertificateRule = ON_COMPLETION, learner?: Principal) => {
  const of = await aCourse(rule)
  const holder = learner ?? (await aLearner())
  await complete(of, holder)
  const issued = await newestOf(holder)
  expect(issued).toMatchObject({ state: 'issued' })
  return { of, learner: holder, certificateId: issued.certificateId as string, issued }
}

const credentialOf = async (certificateId: string, as: Principal) =>
  (await hub.get(`/v1/certificates/${certificateId}/credential`, { as })).text

const present = async (credential: string) =>
  (await hub.post('/v1/certificates/verifications', { body: { credential } })).body

const publicKeys = async () => (await hub.get('/v1/certificates/issuer/jwks')).body

const verification = (certificateId: string) =>
  hub.get(`/v1/certificates/${certificateId}/verification`)

const revoke = (certificateId: string, as: Principal = instructor) =>
  hub.post(`/v1/certificates/${certificateId}/revoke`, { as, body: { reason: 'Wrong person.' } })

const reissue = (certificateId: string, as: Principal = instructor) =>
  hub.post(`/v1/certificates/${certificateId}/reissue`, { as })

const eventsOf = async (
  type: 'certificate.issued' | 'certificate.revoked',
  certificateId: string,
) => (await hub.outbox(type)).filter(({ subject }) => subject === certificateId)

describe('progress.course_completed', () => {
  it('issues one certificate and says so once, from 100 parallel triggers', async () => {
    const of = await aCourse()
    const learner = await aLearner()
    const outcomes = await Promise.all(Array.from({ length: 100 }, () => complete(of, learner)))
    expect(new Set(outcomes)).toEqual(new Set(['done']))
    await workflow.settled()
    const [only, ...others] = await ownOf(learner)
    expect(others).toEqual([])
    expect(only).toMatchObject({ state: 'issued', standing: 'valid' })
    expect(starts).toEqual([only.certificateId])
    const events = await eventsOf('certificate.issued', only.certificateId)
    expect(events).toMatchObject([
      {
        organizationid: organizationId,
        data: {
          accountId: learner.accountId,
          courseTitle: of.title,
          verifyUrl: `${PUBLIC_URL}/v1/certificates/${only.certificateId}/page`,
          supersedesId: null,
        },
      },
    ])
  })

  it('does nothing for a redelivered event, nor for a course without a certificate', async () => {
    const of = await aCourse({ kind: 'none' })
    const learner = await aLearner()
    await complete(of, learner)
    const id = newId('event')
    const other = await aCourse()
    const data = completed(other, learner)
    for (let times = 0; times < 2; times += 1)
      await hub.deliver('progress.course_completed', data, { id, organizationId })
    expect((await ownOf(learner)).length).toBe(1)
  })

  it('waits for names and grades that are told later', async () => {
    const assessmentId = newId('assessment')
    const of = await aCourse({ ...ON_COMPLETION, gradeBasisPointsMin: 7_000 }, [quiz(assessmentId)])
    const learner = somebody('learner', { organizationId })
    await complete(of, learner)
    await grade(of, learner, { assessmentId, gradeBasisPoints: 9_250, resultNumber: 1 })
    await hub.deliver(
      'user.profile_updated',
      {
        accountId: learner.accountId,
        name: 'Grace Hopper',
        locale: 'en',
        timeZone: 'UTC',
        avatarMediaId: null,
      },
      { sequence: 1 },
    )
    expect(await newestOf(learner)).toMatchObject({
      state: 'issued',
      claims: { learnerName: 'Grace Hopper', gradeBasisPoints: 9_250, courseVersion: 3 },
    })
  })

  it('grades by the mean of the required quizzes, rounded down, each by its newest result', async () => {
    const [one, two, extra] = [newId('assessment'), newId('assessment'), newId('assessment')]
    const of = await aCourse(ON_COMPLETION, [quiz(one), quiz(two), quiz(two), quiz(extra, false)])
    const learner = await aLearner()
    await grade(of, learner, { assessmentId: one, gradeBasisPoints: 8_000, resultNumber: 2 })
    await grade(of, learner, { assessmentId: one, gradeBasisPoints: 1_000, resultNumber: 1 })
    await grade(of, learner, { assessmentId: two, gradeBasisPoints: 9_001, resultNumber: 1 })
    await grade(of, learner, { assessmentId: extra, gradeBasisPoints: 10_000, resultNumber: 1 })
    await complete(of, learner)
    expect(await newestOf(learner)).toMatchObject({ claims: { gradeBasisPoints: 8_500 } })
  })

  it('withholds below the least grade, says why, and issues once the grade is better', async () => {
    const assessmentId = newId('assessment')
    const of = await aCourse({ ...ON_COMPLETION, gradeBasisPointsMin: 8_000 }, [quiz(assessmentId)])
    const learner = await aLearner()
    await grade(of, learner, { assessmentId, gradeBasisPoints: 6_550, resultNumber: 1 })
    await complete(of, learner)
    const withheld = await newestOf(learner)
    expect(withheld).toMatchObject({
      state: 'withheld',
      reasonCode: 'grade_too_low',
      reason: 'The grade is 65.5 %; the certificate asks for 80 %.',
    })
    expect((await verification(withheld.certificateId)).status).toBe(404)
    await grade(of, learner, { assessmentId, gradeBasisPoints: 7_000, resultNumber: 2 })
    expect(await newestOf(learner)).toMatchObject({ state: 'withheld' })
    await grade(of, learner, { assessmentId, gradeBasisPoints: 8_000, resultNumber: 3 })
    expect(await newestOf(learner)).toMatchObject({
      state: 'issued',
      certificateId: withheld.certificateId,
      claims: { gradeBasisPoints: 8_000 },
    })
  })
})

describe('a person', () => {
  it('is named as they said last, though a newer address was heard first', async () => {
    const learner = await aLearner('Ada Lovelace')
    const { accountId } = learner
    const profile = { accountId, locale: 'en', timeZone: 'UTC', avatarMediaId: null }
    await hub.deliver(
      'user.email_changed',
      { accountId, email: 'ada@example.org' },
      { sequence: 4 },
    )
    await hub.deliver('user.profile_updated', { ...profile, name: 'Ada King' }, { sequence: 3 })
    await hub.deliver('user.profile_updated', { ...profile, name: 'Ada Byron' }, { sequence: 2 })
    await complete(await aCourse(), learner)
    expect(await newestOf(learner)).toMatchObject({ claims: { learnerName: 'Ada King' } })
  })
})

describe('the sweeper', () => {
  it('starts what was recorded but could not be started', async () => {
    isMachineAway = true
    const learner = await aLearner()
    await complete(await aCourse(), learner)
    expect(await newestOf(learner)).toMatchObject({ state: 'issuing', claims: null })
    isMachineAway = false
    await hub.runJob('recover')
    expect(await newestOf(learner)).toMatchObject({ state: 'issuing' })
    hub.clock.advanceMs(2 * MINUTE_MS)
    await hub.runJob('recover')
    expect(await newestOf(learner)).toMatchObject({ state: 'issued' })
  })

  it('runs again what ended without an answer, and gives up in words after twenty minutes', async () => {
    const learner = await aLearner()
    await complete(await aCourse(), learner)
    const { certificateId } = await newestOf(learner)
    // As if the execution had been aborted from outside after its work was lost.
    const lose = () =>
      database.query(
        `update certificate.certificates set state = 'issuing', check_at = now() - interval '1 year',
           ended_at = null where certificate_id = $1`,
        [certificateId],
      )
    await lose()
    await hub.runJob('recover')
    expect(await newestOf(learner)).toMatchObject({ state: 'issued', certificateId })
    await lose()
    hub.clock.advanceMs(GIVE_UP_AFTER_MS)
    await hub.runJob('recover')
    expect(await newestOf(learner)).toMatchObject({ state: 'failed', reasonCode: 'stalled' })
  })
})

describe('GET /v1/certificates', () => {
  it('shows a learner’s own, newest first, page by page', async () => {
    const { learner } = await anIssued()
    hub.clock.advanceMs(MINUTE_MS)
    const { certificateId } = await anIssued(ON_COMPLETION, learner)
    const first = (await hub.get('/v1/certificates?limit=1', { as: learner })).body
    expect(first.items).toMatchObject([{ certificateId }])
    const last = await hub.get(`/v1/certificates?limit=1&cursor=${first.nextCursor}`, {
      as: learner,
    })
    expect(last.body).toMatchObject({ items: [{ standing: 'valid' }], nextCursor: null })
  })

  it('refuses nobody, a wrong limit and a cursor of something else', async () => {
    const learner = somebody('learner')
    expect((await hub.get('/v1/certificates')).status).toBe(401)
    expect((await hub.get('/v1/certificates?limit=0', { as: learner })).status).toBe(400)
    const wrong = await hub.get('/v1/certificates?cursor=bm8', { as: learner })
    expect(wrong).toMatchObject({ status: 400, body: { code: 'request.cursor' } })
  })
})

describe('GET /v1/certificates/{certificateId}', () => {
  it('is for its learner and the staff of its course; for all others it does not exist', async () => {
    const { certificateId, learner } = await anIssued()
    const read = async (path: string, as?: Principal) =>
      (await hub.get(`/v1/certificates/${certificateId}${path}`, as ? { as } : {})).status
    for (const path of ['', '/credential']) {
      expect(await read(path, learner)).toBe(200)
      expect(await read(path, instructor)).toBe(200)
      expect(await read(path, admin)).toBe(200)
      expect(await read(path, somebody('instructor', { organizationId }))).toBe(404)
      expect(await read(path, stranger)).toBe(404)
      expect(await read(path)).toBe(401)
    }
    expect(await read('/pdf', stranger)).toBe(404)
    const wrong = await hub.get('/v1/certificates/crt_1', { as: learner })
    expect(wrong.status).toBe(400)
  })

  it('has an id that tells nothing, not even when it was issued', async () => {
    const one = await anIssued()
    const other = await anIssued()
    expect(one.certificateId).toMatch(/^crt_[0-9a-f]{32}$/)
    expect(one.certificateId.slice(0, 12)).not.toBe(other.certificateId.slice(0, 12))
  })
})

describe('GET /v1/certificates/{certificateId}/pdf', () => {
  it('leads to the very PDF that was made', async () => {
    const { certificateId, learner } = await anIssued()
    const answer = await hub.get(`/v1/certificates/${certificateId}/pdf`, { as: learner })
    expect(answer.status).toBe(302)
    const file = await fetch(String(answer.headers.get('location')))
    expect(file.headers.get('content-disposition')).toContain(`${certificateId}.pdf`)
    const bytes = Buffer.from(await file.arrayBuffer())
    expect(bytes.subarray(0, 5).toString()).toBe('%PDF-')
    const [row] = await database.query<{ pdf: { sha256: string } }>(
      'select pdf from certificate.certificates where certificate_id = $1',
      [certificateId],
    )
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(row?.pdf.sha256)
  })

  it('refuses what has not been issued, as the credential does', async () => {
    isMachineAway = true
    const learner = await aLearner()
    await complete(await aCourse(), learner)
    const { certificateId } = await newestOf(learner)
    for (const path of ['pdf', 'credential'])
      expect(
        await hub.get(`/v1/certificates/${certificateId}/${path}`, { as: learner }),
      ).toMatchObject({ status: 409, body: { code: 'certificate.not_issued' } })
    expect(await revoke(certificateId)).toMatchObject({
      status: 409,
      body: { code: 'certificate.not_issued' },
    })
    expect(await reissue(certificateId)).toMatchObject({
      status: 409,
      body: { code: 'certificate.in_progress' },
    })
    expect((await verification(certificateId)).status).toBe(404)
    expect((await hub.get(`/v1/certificates/${certificateId}/page`)).status).toBe(404)
  })
})

describe('the credential', () => {
  it('is an Open Badges 3.0 credential that jose verifies with the published keys alone', async () => {
    const { certificateId, learner, of } = await anIssued({ ...ON_COMPLETION, validDays: 365 })
    const credential = await credentialOf(certificateId, learner)
    const keys = createLocalJWKSet(await publicKeys())
    const { payload, protectedHeader } = await jwtVerify(credential, keys, {
      issuer: `${PUBLIC_URL}/v1/certificates/issuer`,
      algorithms: ['EdDSA'],
      currentDate: new Date(hub.clock.now()),
    })
    expect(payload).toMatchObject({
      '@context': [
        'https://www.w3.org/ns/credentials/v2',
        'https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json',
      ],
      type: ['VerifiableCredential', 'AchievementCredential'],
      id: payload.jti,
      issuer: { id: payload.iss },
      validFrom: toIso(START),
      credentialSubject: {
        id: payload.sub,
        type: ['AchievementSubject'],
        achievement: { type: ['Achievement'], name: of.title, criteria: {} },
        identifier: [{ identityHash: 'Ada Lovelace', identityType: 'name' }, { hashed: true }],
      },
      evidence: [{ id: payload.jti }],
    })
    expect(payload.exp).toBe(Number(payload.nbf) + (365 * DAY_MS) / 1_000)
    const path = new URL(String(protectedHeader.kid)).pathname
    const { keys: published } = await publicKeys()
    expect(published).toContainEqual((await hub.get(path)).body)
  })

  it('is verified by another implementation too: node’s own Ed25519 over RFC 7515', async () => {
    const { certificateId, learner } = await anIssued()
    const [header = '', payload = '', signature = ''] = (
      await credentialOf(certificateId, learner)
    ).split('.')
    const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString())
    const jwk = (await publicKeys()).keys.find((key: { kid: string }) => key.kid === kid)
    const isGenuine = (text: string) =>
      verify(
        null,
        Buffer.from(text),
        createPublicKey({ key: jwk, format: 'jwk' }),
        Buffer.from(signature, 'base64url'),
      )
    expect(isGenuine(`${header}.${payload}`)).toBe(true)
    expect(isGenuine(`${header}.${payload.slice(0, -2)}AA`)).toBe(false)
  })

  it('lets the holder of the address prove it, and shows the address to nobody', async () => {
    const { certificateId, learner } = await anIssued()
    const credential = await credentialOf(certificateId, learner)
    const text = Buffer.from(credential.split('.')[1] ?? '', 'base64url').toString()
    const [, address] = JSON.parse(text).credentialSubject.identifier
    const hash = createHash('sha256').update(`ada@example.org${address.salt}`).digest('hex')
    expect(address.identityHash).toBe(`sha256$${hash}`)
    expect(text).not.toMatch(/ada@/i)
  })

  it('names an issuer who can be looked up', async () => {
    expect((await hub.get('/v1/certificates/issuer')).body).toMatchObject({
      id: `${PUBLIC_URL}/v1/certificates/issuer`,
      type: ['Profile'],
      jwks: `${PUBLIC_URL}/v1/certificates/issuer/jwks`,
    })
    const absent = await hub.get(`/v1/certificates/issuer/keys/${newId('signingKey')}`)
    expect(absent).toMatchObject({ status: 404, body: { code: 'certificate.key_not_found' } })
    expect(JSON.stringify(await publicKeys())).not.toMatch(/"d"|private/)
  })
})

describe('POST /v1/certificates/verifications', () => {
  it('accepts what we signed and shows every claim', async () => {
    const { certificateId, learner } = await anIssued()
    expect(await present(await credentialOf(certificateId, learner))).toMatchObject({
      status: 'valid',
      reason: null,
      verification: { certificateId, claims: { learnerName: 'Ada Lovelace' } },
    })
  })

  it('refuses what was altered, signed by another key, unsigned, or is no credential at all', async () => {
    const { certificateId, learner } = await anIssued()
    const credential = await credentialOf(certificateId, learner)
    const [header = '', payload = '', signature = ''] = credential.split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const forged = { ...claims, name: 'Brain surgery' }
    const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString())
    const other = await generateKeyPair('EdDSA', { extractable: true })
    const byAnother = (extra: object) =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT', kid, ...extra })
        .sign(other.privateKey)
    const refused = [
      `${header}.${base64(forged)}.${signature}`,
      await byAnother({}),
      await byAnother({ jwk: await exportJWK(other.publicKey) }),
      `${base64({ alg: 'none' })}.${payload}.`,
      `${header}.${payload}`,
      'nonsense',
    ]
    for (const presented of refused)
      expect(await present(presented)).toMatchObject({
        status: 'not_genuine',
        verification: null,
      })
    expect((await hub.post('/v1/certificates/verifications', { body: {} })).status).toBe(400)
  })

  it('tells a revoked and an expired one from a valid one', async () => {
    const revoked = await anIssued()
    const credential = await credentialOf(revoked.certificateId, revoked.learner)
    await revoke(revoked.certificateId)
    expect(await present(credential)).toMatchObject({ status: 'revoked', reason: 'Wrong person.' })
    const brief = await anIssued({ ...ON_COMPLETION, validDays: 30 })
    const expiring = await credentialOf(brief.certificateId, brief.learner)
    expect(await present(expiring)).toMatchObject({ status: 'valid' })
    hub.clock.advanceMs(30 * DAY_MS)
    expect(await present(expiring)).toMatchObject({ status: 'expired' })
    expect((await verification(brief.certificateId)).body).toMatchObject({ status: 'expired' })
  })
})

describe('GET /v1/certificates/{certificateId}/verification and /page', () => {
  it('shows anybody every claim as it was when it was issued', async () => {
    const { certificateId, learner, of } = await anIssued()
    await hub.deliver(
      'user.profile_updated',
      {
        accountId: learner.accountId,
        name: 'Somebody Else',
        locale: 'en',
        timeZone: 'UTC',
        avatarMediaId: null,
      },
      { sequence: 5 },
    )
    expect((await verification(certificateId)).body).toMatchObject({
      status: 'valid',
      reason: null,
      claims: {
        learnerName: 'Ada Lovelace',
        courseTitle: of.title,
        courseVersion: 3,
        gradeBasisPoints: null,
        completedAt: toIso(START),
        validUntil: null,
      },
    })
    const page = await hub.get(`/v1/certificates/${certificateId}/page`)
    expect(page.headers.get('content-type')).toContain('text/html')
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
    for (const shown of ['Ada Lovelace', 'version 3', 'valid', 'How to verify', certificateId])
      expect(page.text).toContain(shown)
    expect(page.text).not.toMatch(/<script|ada@/i)
  })

  it('escapes what people have written', async () => {
    const learner = await aLearner('<img src=x onerror=alert(1)>"\'&')
    const { certificateId } = await anIssued(ON_COMPLETION, learner)
    const page = await hub.get(`/v1/certificates/${certificateId}/page`)
    expect(page.text).not.toContain('<img')
    expect(page.text).toContain('&lt;img src=x onerror=alert(1)&gt;')
    expect(page.text).toContain('Film editing &lt;basics&gt;')
  })

  it('knows nothing of an unknown one', async () => {
    const unknown = newId('certificate')
    for (const path of ['verification', 'page', 'credential', 'pdf', ''])
      expect(
        await hub.get(`/v1/certificates/${unknown}${path && `/${path}`}`, { as: instructor }),
      ).toMatchObject({ status: 404 })
    expect(await verification(unknown)).toMatchObject({ body: { code: 'certificate.not_found' } })
  })
})

describe('POST /v1/certificates/{certificateId}/revoke', () => {
  it('takes it back for good, with a public reason, and says so once', async () => {
    const { certificateId } = await anIssued()
    const answers = await Promise.all(Array.from({ length: 10 }, () => revoke(certificateId)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect((await verification(certificateId)).body).toMatchObject({
      status: 'revoked',
      reason: 'Wrong person.',
      since: toIso(START),
    })
    expect(await eventsOf('certificate.revoked', certificateId)).toMatchObject([
      { organizationid: organizationId, data: { reason: 'Wrong person.' } },
    ])
    const page = await hub.get(`/v1/certificates/${certificateId}/page`)
    expect(page.text).toContain('It is not valid. Wrong person.')
  })

  it('takes nothing back while its successor is being issued, which would be valid', async () => {
    const { certificateId } = await anIssued()
    isMachineAway = true
    await reissue(certificateId)
    isMachineAway = false
    expect(await revoke(certificateId)).toMatchObject({
      status: 409,
      body: { code: 'certificate.in_progress' },
    })
    hub.clock.advanceMs(CHECK_AFTER_MS)
    await hub.runJob('recover')
    await workflow.settled()
    expect((await revoke(certificateId)).body.code).toBe('certificate.superseded')
  })

  it('is the business of the course’s staff alone, and wants a reason', async () => {
    const { certificateId, learner } = await anIssued()
    for (const as of [learner, stranger, somebody('instructor', { organizationId })])
      expect((await revoke(certificateId, as)).status).toBe(404)
    expect((await hub.post(`/v1/certificates/${certificateId}/revoke`)).status).toBe(401)
    const empty = await hub.post(`/v1/certificates/${certificateId}/revoke`, {
      as: instructor,
      body: { reason: ' ' },
    })
    expect(empty.status).toBe(400)
    expect((await revoke(newId('certificate'))).body.code).toBe('certificate.not_found')
  })
})

describe('POST /v1/certificates/{certificateId}/reissue', () => {
  const rename = (learner: Principal, name: string) =>
    hub.deliver(
      'user.profile_updated',
      {
        accountId: learner.accountId,
        name,
        locale: 'en',
        timeZone: 'UTC',
        avatarMediaId: null,
      },
      { sequence: 9 },
    )

  it('supersedes and links, with the name as it is now and the expiry as it was', async () => {
    const { certificateId, learner, issued } = await anIssued({ ...ON_COMPLETION, validDays: 90 })
    await rename(learner, 'Ada King')
    hub.clock.advanceMs(DAY_MS)
    const answers = await Promise.all(Array.from({ length: 10 }, () => reissue(certificateId)))
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(1)
    const next = await newestOf(learner)
    expect(next).toMatchObject({
      state: 'issued',
      supersedesId: certificateId,
      claims: { learnerName: 'Ada King', validUntil: issued.claims.validUntil },
    })
    expect((await verification(certificateId)).body).toMatchObject({
      status: 'superseded',
      supersededById: next.certificateId,
      claims: { learnerName: 'Ada Lovelace' },
    })
    const page = await hub.get(`/v1/certificates/${certificateId}/page`)
    expect(page.text).toContain(`${next.certificateId}/page`)
    expect(await eventsOf('certificate.issued', next.certificateId)).toMatchObject([
      { data: { supersedesId: certificateId } },
    ])
    expect(await present(await credentialOf(certificateId, learner))).toMatchObject({
      status: 'superseded',
    })
    for (const again of [await reissue(certificateId), await revoke(certificateId)])
      expect(again).toMatchObject({ status: 409, body: { code: 'certificate.superseded' } })
  })

  it('keeps the old one valid until the new one is', async () => {
    const { certificateId } = await anIssued()
    isMachineAway = true
    expect((await reissue(certificateId)).status).toBe(202)
    expect((await verification(certificateId)).body.status).toBe('valid')
    expect((await reissue(certificateId)).body.code).toBe('certificate.in_progress')
  })

  it('leaves a revoked one revoked', async () => {
    const { certificateId, learner } = await anIssued()
    await revoke(certificateId)
    hub.clock.advanceMs(MINUTE_MS)
    await reissue(certificateId)
    expect(await newestOf(learner)).toMatchObject({ state: 'issued', supersedesId: certificateId })
    expect((await verification(certificateId)).body).toMatchObject({
      status: 'revoked',
      reason: 'Wrong person.',
    })
  })

  it('tries again what failed, once the name can be printed', async () => {
    const learner = await aLearner('Ada 𓀀')
    await complete(await aCourse(), learner)
    const failed = await newestOf(learner)
    expect(failed).toMatchObject({ state: 'failed', reasonCode: 'not_printable' })
    expect(failed.reason).toContain('𓀀')
    await rename(learner, 'Ada')
    await reissue(failed.certificateId, admin)
    expect(await newestOf(learner)).toMatchObject({
      state: 'issued',
      certificateId: failed.certificateId,
      supersedesId: null,
    })
  })

  it('is not needed by who completes the course anew: that earns another one when the former has expired', async () => {
    const { certificateId, learner, of } = await anIssued({ ...ON_COMPLETION, validDays: 1 })
    const again = async () => {
      const data = completed(of, learner, hub.clock.now())
      for (let times = 0; times < 3; times += 1)
        await hub.deliver('progress.course_completed', data, { organizationId })
      await workflow.settled()
      return ownOf(learner)
    }
    hub.clock.advanceMs(DAY_MS - 1)
    expect(await again()).toHaveLength(1)
    hub.clock.advanceMs(1)
    // What was told before is told again: of a stay that has its certificate, nothing comes.
    await complete(of, learner)
    const [renewed, former] = await again()
    expect(renewed).toMatchObject({ state: 'issued', standing: 'valid', supersedesId: null })
    expect(former).toMatchObject({ certificateId, standing: 'expired' })
    expect((await revoke(renewed.certificateId)).status).toBe(200)
    hub.clock.advanceMs(2 * DAY_MS)
    expect(await again()).toHaveLength(2)
  })

  it('does not bring an expired one back, and is the staff’s business', async () => {
    const { certificateId, learner } = await anIssued({ ...ON_COMPLETION, validDays: 1 })
    expect((await reissue(certificateId, learner)).status).toBe(404)
    expect((await reissue(newId('certificate'))).body.code).toBe('certificate.not_found')
    expect((await hub.post(`/v1/certificates/${certificateId}/reissue`)).status).toBe(401)
    hub.clock.advanceMs(DAY_MS)
    expect(await reissue(certificateId)).toMatchObject({
      status: 409,
      body: { code: 'certificate.expired' },
    })
  })
})

describe('GET /v1/certificates/courses/{courseId}', () => {
  it('shows the staff all of a course, failures with their reasons, by state if asked', async () => {
    const of = await aCourse()
    await complete(of, await aLearner())
    await complete(of, await aLearner('𓀀'))
    await workflow.settled()
    const path = `/v1/certificates/courses/${of.courseId}`
    const all = await hub.get(path, { as: instructor })
    expect(all.body.items).toHaveLength(2)
    const failed = await hub.get(`${path}?state=failed`, { as: admin })
    expect(failed.body.items).toMatchObject([
      { state: 'failed', reasonCode: 'not_printable', claims: null, links: null },
    ])
    const page = (await hub.get(`${path}?limit=1`, { as: instructor })).body
    const rest = await hub.get(`${path}?limit=1&cursor=${page.nextCursor}`, { as: instructor })
    expect(rest.body).toMatchObject({ items: [{}], nextCursor: null })
  })

  it('hides it from all others', async () => {
    const { courseId } = await aCourse()
    const path = `/v1/certificates/courses/${courseId}`
    expect((await hub.get(path)).status).toBe(401)
    for (const as of [somebody('instructor', { organizationId }), stranger])
      expect(await hub.get(path, { as })).toMatchObject({
        status: 404,
        body: { code: 'course.not_found' },
      })
    expect((await hub.get(`${path}?state=odd`, { as: instructor })).status).toBe(400)
    expect(await hub.get(`${path}?cursor=bm8`, { as: instructor })).toMatchObject({
      body: { code: 'request.cursor' },
    })
  })
})

// Near the end, because time goes on in it and keys are destroyed for good.
describe('key rotation', () => {
  it('publishes the next key before it signs, and what the old one signed verifies for ever', async () => {
    const old = await anIssued()
    const oldCredential = await credentialOf(old.certificateId, old.learner)
    const before = (await publicKeys()).keys.length
    hub.clock.advanceMs(KEY_ROTATION.lifeMs - DAY_MS)
    await Promise.all(Array.from({ length: 10 }, () => hub.runJob('rotateKeys')))
    expect((await publicKeys()).keys.length).toBe(before + 1)
    hub.clock.advanceMs(2 * DAY_MS)
    await hub.runJob('rotateKeys')
    const fresh = await anIssued()
    const freshCredential = await credentialOf(fresh.certificateId, fresh.learner)
    const kidOf = (jwt: string) =>
      JSON.parse(Buffer.from(jwt.split('.')[0] ?? '', 'base64url').toString()).kid
    expect(kidOf(freshCredential)).not.toBe(kidOf(oldCredential))
    expect(await present(oldCredential)).toMatchObject({ status: 'valid' })
    expect(await present(freshCredential)).toMatchObject({ status: 'valid' })
    await jwtVerify(oldCredential, createLocalJWKSet(await publicKeys()), {
      currentDate: new Date(hub.clock.now()),
    })
    const [retired] = await database.query<{ privateSealed: string | null }>(
      `select private_sealed as "privateSealed" from certificate.signing_keys order by active_from limit 1`,
    )
    expect(retired?.privateSealed).toBeNull()
  })
})

describe('the contract', () => {
  it('has been shown in full by the tests above', () => {
    expect(hub.uncovered()).toEqual([])
  })
})
