import { describe, expect, it } from '@jest/globals'
import type { CertificateRule, Item } from '../../shared/events/course-outline.ts'
import { type AssessmentId, newId, newOpaqueId } from '../../shared/kernel/id.ts'
import { addMs, DAY_MS, instantOf } from '../../shared/kernel/time.ts'
import {
  type Certificate,
  executionNameOf,
  fail,
  GIVE_UP_AFTER_MS,
  type Issued,
  issue,
  reissue,
  request,
  resume,
  retry,
  revoke,
  standingOf,
  withhold,
} from './domain/certificate.ts'
import { certificateIdOf, credentialClaims, linksOf } from './domain/credential.ts'
import { gradedBy, gradeOf, isGraded, percent, refusal, validUntil } from './domain/rule.ts'

const NOW = instantOf('2026-03-01T10:00:00.500Z')
const LATER = addMs(NOW, DAY_MS)
const traceparent = '00-0-0-00'

const aRequest = (): Certificate =>
  request(
    {
      enrollmentId: newId('enrollment'),
      accountId: newId('account'),
      courseId: newId('course'),
      organizationId: newId('organization'),
      versionId: newId('courseVersion'),
      completedAt: NOW,
    },
    { certificateId: newOpaqueId('certificate'), traceparent },
    NOW,
  )

const complete = (certificate: Certificate, until: typeof NOW | null = null): Certificate => ({
  ...certificate,
  snapshot: {
    learnerName: 'Ada',
    courseTitle: 'Editing',
    courseVersion: 1,
    organizationName: 'Academy',
    gradeBasisPoints: 9_250,
    completedAt: NOW,
    issuedAt: NOW,
    validUntil: until,
    address: { hash: 'ab', salt: 'cd' },
  },
  credential: 'a.b.c',
  pdf: { key: 'k', sizeBytes: 1, sha256: 'x' },
})

const anIssued = (until: typeof NOW | null = null): Issued =>
  issue(complete(aRequest(), until), { former: undefined, verifyUrl: 'u' }, NOW).certificate

const again = () => ({ certificateId: newOpaqueId('certificate'), traceparent })

describe('issue', () => {
  it('refuses, as our own bug, what is not complete', () => {
    for (const part of ['snapshot', 'credential', 'pdf'])
      expect(() =>
        issue(
          { ...complete(aRequest()), [part]: null },
          { former: undefined, verifyUrl: 'u' },
          NOW,
        ),
      ).toThrow('complete')
  })

  it('ends what it replaces in the same moment, and leaves a revoked one revoked', () => {
    const former = anIssued()
    const next = complete(reissue(former, again(), LATER))
    const issuance = issue(next, { former, verifyUrl: 'u' }, LATER)
    expect(issuance.former).toMatchObject({
      state: 'superseded',
      supersededById: next.certificateId,
      endedAt: LATER,
    })
    const revoked = revoke(former, 'Wrong.', NOW).certificate
    expect(issue(next, { former: revoked, verifyUrl: 'u' }, LATER).former).toMatchObject({
      state: 'revoked',
      reason: 'Wrong.',
      supersededById: next.certificateId,
    })
  })
})

describe('runs', () => {
  it('have a name of their own each, so that none is started twice', () => {
    const first = aRequest()
    const second = resume(first, LATER)
    expect(new Set([first, second, retry(first, again(), NOW)].map(executionNameOf)).size).toBe(2)
    expect(executionNameOf(first)).toMatch(/^[A-Za-z0-9_-]{1,80}$/)
  })

  it('keep what they have made when they are resumed, and nothing when they are tried anew', () => {
    const worked = complete(aRequest())
    expect(resume(worked, NOW).snapshot).toEqual(worked.snapshot)
    expect(retry(worked, again(), NOW)).toMatchObject({ snapshot: null, credential: null })
  })

  it('are given up in words after too long', () => {
    const request = aRequest()
    expect(resume(request, addMs(NOW, GIVE_UP_AFTER_MS - 1)).state).toBe('issuing')
    expect(resume(request, addMs(NOW, GIVE_UP_AFTER_MS))).toMatchObject({
      state: 'failed',
      reasonCode: 'stalled',
    })
  })

  it('leave nothing behind when they end without a certificate', () => {
    const reason = { reasonCode: 'r', reason: 'Because.' }
    for (const end of [withhold, fail])
      expect(end(complete(aRequest()), reason, NOW)).toMatchObject({
        checkAt: null,
        snapshot: null,
        credential: null,
        pdf: null,
        endedAt: NOW,
        ...reason,
      })
  })
})

describe('reissue', () => {
  it('refuses while one is being issued, when it is superseded, and when it has expired', () => {
    expect(() => reissue(aRequest(), again(), NOW)).toThrow('being issued')
    const superseded = { ...anIssued(), supersededById: newOpaqueId('certificate') }
    expect(() => reissue(superseded, again(), NOW)).toThrow('newer')
    expect(() => reissue(anIssued(LATER), again(), LATER)).toThrow('expired')
  })

  it('makes a successor of what was issued, and tries again what was not', () => {
    const issued = anIssued()
    expect(reissue(issued, again(), NOW)).toMatchObject({
      number: 2,
      run: 1,
      supersedesId: issued.certificateId,
    })
    const failed = fail(aRequest(), { reasonCode: 'r', reason: 'R' }, NOW)
    expect(reissue(failed, again(), NOW)).toMatchObject({
      certificateId: failed.certificateId,
      number: 1,
      run: 2,
    })
  })
})

describe('standingOf', () => {
  it('puts revocation above expiry', () => {
    const brief = anIssued(LATER)
    expect(standingOf(brief, addMs(LATER, -1)).status).toBe('valid')
    expect(standingOf(brief, LATER)).toMatchObject({ status: 'expired', since: LATER })
    const { certificate, events } = revoke(brief, 'Wrong.', NOW)
    expect(standingOf(certificate, LATER)).toMatchObject({ status: 'revoked', reason: 'Wrong.' })
    expect(events).toHaveLength(1)
    expect(revoke(certificate, 'Other.', LATER)).toEqual({ certificate, events: [] })
  })
})

describe('the rule', () => {
  const [one, two] = [newId('assessment'), newId('assessment')]
  const item = (assessmentId: AssessmentId, required: boolean): Item => ({
    lessonId: newId('lesson'),
    revision: 1,
    moduleId: newId('module'),
    moduleTitle: 'M',
    title: 'Q',
    required,
    completion: { kind: 'quiz_passed', assessmentId },
  })
  const version = (min: number, counted = [one, two]) => ({
    number: 1,
    title: 'T',
    gradedBy: counted,
    certificateRule: {
      kind: 'on_completion',
      gradeBasisPointsMin: min,
      validDays: 2,
    } satisfies CertificateRule,
  })

  it('counts the required quizzes once each, or all when none is required', () => {
    expect(gradedBy([item(one, true), item(one, true), item(two, false)])).toEqual([one])
    expect(gradedBy([item(one, false), item(two, false)])).toEqual([one, two])
    expect(gradedBy([])).toEqual([])
  })

  it('takes the mean, rounded down, and a missing result as nothing', () => {
    const grades = new Map([
      [one, 9_999],
      [two, 10_000],
    ])
    expect(gradeOf(version(0), grades)).toBe(9_999)
    expect(gradeOf(version(0), new Map([[one, 9_999]]))).toBe(4_999)
    expect(gradeOf(version(0), new Map())).toBeNull()
    expect(gradeOf(version(0, []), grades)).toBeNull()
    expect(isGraded(version(0), new Map([[one, 1]]))).toBe(false)
    expect(isGraded(version(0, []), new Map())).toBe(true)
  })

  it('refuses below the least grade and nothing else', () => {
    const grades = new Map([
      [one, 8_000],
      [two, 8_000],
    ])
    expect(refusal(version(8_000), grades)).toBeUndefined()
    expect(refusal(version(8_001), grades)?.reasonCode).toBe('grade_too_low')
    expect(refusal(version(0), new Map())).toBeUndefined()
    expect(refusal(version(1), new Map())?.reasonCode).toBe('grade_too_low')
    const none = { ...version(0), certificateRule: { kind: 'none' } as const }
    expect(refusal(none, grades)?.reasonCode).toBe('no_certificate')
  })

  it('says per cent and expiry in plain figures', () => {
    expect([0, 9_250, 9_999, 10_000].map(percent)).toEqual(['0 %', '92.5 %', '99.99 %', '100 %'])
    expect(validUntil(version(0).certificateRule, NOW)).toBe(addMs(NOW, 2 * DAY_MS))
  })
})

describe('the credential', () => {
  const links = linksOf('https://hub.example/')

  it('says the same in its registered claims as in the credential, in whole seconds', () => {
    const issued = anIssued(LATER)
    const claims = credentialClaims(issued, issued.snapshot, links)
    expect(claims).toMatchObject({ jti: claims.id, sub: claims.credentialSubject.id })
    expect(claims.iss).toBe(claims.issuer.id)
    expect(new Date(claims.validFrom).getTime()).toBe(claims.nbf * 1_000)
    expect(new Date(claims.validUntil ?? '').getTime()).toBe(Number(claims.exp) * 1_000)
    expect(claims.credentialSubject.result).toMatchObject([{ value: '92.5 %' }])
    expect(credentialClaims(issued, { ...issued.snapshot, validUntil: null }, links).exp).toBe(
      undefined,
    )
  })

  it('belongs to a certificate only at the very address of this hub', () => {
    const { certificateId } = anIssued()
    const { page } = links.certificate(certificateId)
    expect(certificateIdOf(page, links)).toBe(certificateId)
    for (const other of [page.replace('hub', 'other'), `${page}/`, certificateId, undefined, {}])
      expect(certificateIdOf(other, links)).toBeUndefined()
  })
})
