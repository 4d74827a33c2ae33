import type { CertificateEvent } from '../../../shared/events/certificate.ts'
import { assert } from '../../../shared/kernel/assert.ts'
import type {
  AccountId,
  CertificateId,
  CourseId,
  CourseVersionId,
  EnrollmentId,
  OrganizationId,
} from '../../../shared/kernel/id.ts'
import { addMs, type Instant, MINUTE_MS, toIso } from '../../../shared/kernel/time.ts'
import {
  certificateExpired,
  certificateInProgress,
  certificateNotIssued,
  certificateSuperseded,
} from '../errors.ts'

export type State = 'issuing' | 'withheld' | 'failed' | 'issued' | 'revoked' | 'superseded'

export type Standing = 'valid' | 'revoked' | 'expired' | 'superseded'

/** What a certificate says: taken once, then never changed, whatever becomes of names and grades. */
export type Snapshot = {
  readonly learnerName: string
  readonly courseTitle: string
  readonly courseVersion: number
  readonly organizationName: string
  /** In 1/10,000; null when the course has no quiz. */
  readonly gradeBasisPoints: number | null
  readonly completedAt: Instant
  readonly issuedAt: Instant
  readonly validUntil: Instant | null
  /** Lets the learner prove that the credential is theirs: SHA-256 of address and salt (Open Badges 3.0, IdentityHash). */
  readonly address: { readonly hash: string; readonly salt: string } | null
}

export type Pdf = { readonly key: string; readonly sizeBytes: number; readonly sha256: string }

/** Why there is no certificate, for the learner and the staff. */
export type Reason = { readonly reasonCode: string; readonly reason: string }

/** A learner's completion of a course: what earns a certificate. */
export type Completion = {
  readonly enrollmentId: EnrollmentId
  readonly accountId: AccountId
  readonly courseId: CourseId
  readonly organizationId: OrganizationId
  readonly versionId: CourseVersionId
  readonly completedAt: Instant
}

export type Certificate = Completion & {
  /** Random, so that nobody finds certificates by guessing. */
  readonly certificateId: CertificateId
  /** 1 for the first of this learner in this course; each reissue is the next. */
  readonly number: number
  readonly state: State
  /** Tries at issuing it: part of the execution's name. */
  readonly run: number
  readonly requestedAt: Instant
  readonly traceparent: string
  /** When the sweeper looks after the run; null when none is going on. */
  readonly checkAt: Instant | null
  readonly supersedesId: CertificateId | null
  readonly supersededById: CertificateId | null
  readonly snapshot: Snapshot | null
  /** A signed JWT. */
  readonly credential: string | null
  readonly pdf: Pdf | null
  readonly reasonCode: string | null
  readonly reason: string | null
  /** When it was withheld, failed, revoked or superseded. */
  readonly endedAt: Instant | null
}

/** One that has been issued, whatever became of it: what the public may know of. */
export type Issued = Certificate & {
  readonly state: 'issued' | 'revoked' | 'superseded'
  readonly snapshot: Snapshot
  readonly credential: string
  readonly pdf: Pdf
}

/** After this silence a run is looked after. An execution takes seconds. */
export const CHECK_AFTER_MS = 2 * MINUTE_MS
/** After this time of executions that end without an answer a certificate is given up. */
export const GIVE_UP_AFTER_MS = 20 * MINUTE_MS

/** Idempotent: a run is one execution, however often it is started. */
export const executionNameOf = ({
  certificateId,
  run,
}: Pick<Certificate, 'certificateId' | 'run'>) => `${certificateId}-${run}`

/** Of its run alone: one that was given up while it printed cannot write over what a later one has made. */
export const pdfKeyOf = (certificate: Pick<Certificate, 'certificateId' | 'run'>): string =>
  `certificates/${executionNameOf(certificate)}.pdf`

/** The first certificate of a learner in a course. */
export const request = (
  completion: Completion,
  { certificateId, traceparent }: Pick<Certificate, 'certificateId' | 'traceparent'>,
  now: Instant,
): Certificate => ({
  ...completion,
  ...beginning({ run: 1, traceparent }, now),
  certificateId,
  number: 1,
  supersedesId: null,
  supersededById: null,
})

/**
 * The next certificate of a learner who has completed the course in another stay, after the former one expired; that one
 * stays what it is. Undefined where nothing is to be renewed.
 */
export const renewal = (
  newest: Certificate,
  completion: Completion,
  { next, now }: { next: Pick<Certificate, 'certificateId' | 'traceparent'>; now: Instant },
): Certificate | undefined => {
  const isOver = isIssued(newest) && standingOf(newest, now).status === 'expired'
  const isAnother =
    completion.enrollmentId !== newest.enrollmentId && completion.completedAt > newest.completedAt
  if (!isOver || !isAnother) return undefined
  return { ...request(completion, next, now), number: newest.number + 1 }
}

/** Another try at what was withheld or failed, as if it were the first. @param completion a newer one, if any. */
export const retry = (
  certificate: Certificate,
  { traceparent, completion = certificate }: { traceparent: string; completion?: Completion },
  now: Instant,
): Certificate => ({
  ...certificate,
  enrollmentId: completion.enrollmentId,
  versionId: completion.versionId,
  completedAt: completion.completedAt,
  ...beginning({ run: certificate.run + 1, traceparent }, now),
})

/** The execution ended without an answer: what it has made is kept and goes on under the next name. */
export const resume = (certificate: Certificate, now: Instant): Certificate =>
  now - certificate.requestedAt >= GIVE_UP_AFTER_MS
    ? fail(certificate, STALLED, now)
    : { ...certificate, run: certificate.run + 1, checkAt: addMs(now, CHECK_AFTER_MS) }

/**
 * What staff means by issuing again: a successor for what was issued, another try at what was not.
 *
 * @throws `certificate.in_progress`, `certificate.superseded` or `certificate.expired`
 */
export const reissue = (
  certificate: Certificate,
  next: Pick<Certificate, 'certificateId' | 'traceparent'>,
  now: Instant,
): Certificate => {
  if (certificate.state === 'issuing') throw certificateInProgress()
  if (!isIssued(certificate)) return retry(certificate, next, now)
  if (certificate.supersededById !== null) throw certificateSuperseded()
  if (isExpired(certificate.snapshot, now)) throw certificateExpired()
  return {
    ...certificate,
    ...beginning({ run: 1, traceparent: next.traceparent }, now),
    certificateId: next.certificateId,
    number: certificate.number + 1,
    supersedesId: certificate.certificateId,
    supersededById: null,
  }
}

export const withhold = (certificate: Certificate, reason: Reason, now: Instant): Certificate => ({
  ...certificate,
  ...over,
  ...reason,
  state: 'withheld',
  endedAt: now,
})

/** Nothing of it stays: what failed is not half issued. */
export const fail = (certificate: Certificate, reason: Reason, now: Instant): Certificate => ({
  ...certificate,
  ...over,
  ...reason,
  state: 'failed',
  endedAt: now,
})

export type Issuance = {
  readonly certificate: Issued
  /** The one that this certificate replaces, as it stands from now on. */
  readonly former: Issued | undefined
  readonly events: readonly CertificateEvent[]
}

/** Makes it valid; what it replaces ends in the same moment, unless it was revoked before. */
export const issue = (
  certificate: Certificate,
  { former, verifyUrl }: { former: Certificate | undefined; verifyUrl: string },
  now: Instant,
): Issuance => {
  const { snapshot, credential, pdf, certificateId } = certificate
  assert(certificate.state === 'issuing', 'what is issued was being issued')
  assert(snapshot && credential && pdf, 'what is issued is complete')
  assert(former === undefined || isIssued(former), 'only what was issued is superseded')
  const issued = {
    ...certificate,
    snapshot,
    credential,
    pdf,
    state: 'issued',
    checkAt: null,
  } as const
  return {
    certificate: issued,
    former: former && {
      ...former,
      supersededById: certificateId,
      ...(former.state === 'issued' && {
        state: 'superseded',
        reasonCode: 'superseded',
        reason: 'A newer certificate has taken its place.',
        endedAt: now,
      }),
    },
    events: [
      {
        type: 'certificate.issued',
        ...publicFacts(issued),
        verifyUrl,
        issuedAt: toIso(snapshot.issuedAt),
        supersedesId: certificate.supersedesId,
      },
    ],
  }
}

/** For good, and harmless to repeat. @throws `certificate.not_issued` or `certificate.superseded` */
export const revoke = (
  certificate: Certificate,
  reason: string,
  now: Instant,
): { readonly certificate: Issued; readonly events: readonly CertificateEvent[] } => {
  if (!isIssued(certificate)) throw certificateNotIssued()
  if (certificate.state === 'superseded') throw certificateSuperseded()
  if (certificate.state === 'revoked') return { certificate, events: [] }
  const ended = { state: 'revoked', reasonCode: 'revoked', reason, endedAt: now } as const
  return {
    certificate: { ...certificate, ...ended },
    events: [
      { type: 'certificate.revoked', ...publicFacts(certificate), reason, revokedAt: toIso(now) },
    ],
  }
}

export const isIssued = (certificate: Certificate): certificate is Issued =>
  ['issued', 'revoked', 'superseded'].includes(certificate.state)

export type Verdict = {
  readonly status: Standing
  readonly reason: string | null
  readonly since: Instant | null
}

/** How an issued certificate stands. Revocation outweighs everything, expiry least. */
export const standingOf = ({ state, snapshot, reason, endedAt }: Issued, now: Instant): Verdict => {
  if (state !== 'issued') return { status: state, reason, since: endedAt }
  if (isExpired(snapshot, now))
    return { status: 'expired', reason: 'Its validity has ended.', since: snapshot.validUntil }
  return { status: 'valid', reason: null, since: null }
}

const isExpired = ({ validUntil }: Snapshot, now: Instant): boolean =>
  validUntil !== null && validUntil <= now

const STALLED: Reason = {
  reasonCode: 'stalled',
  reason: 'Issuing stopped unexpectedly, more than once. Please issue it again.',
}

const beginning = (
  { run, traceparent }: Pick<Certificate, 'run' | 'traceparent'>,
  now: Instant,
) => ({
  ...over,
  state: 'issuing' as const,
  run,
  traceparent,
  requestedAt: now,
  checkAt: addMs(now, CHECK_AFTER_MS),
  reasonCode: null,
  reason: null,
  endedAt: null,
})

const over = { checkAt: null, snapshot: null, credential: null, pdf: null } as const

const publicFacts = ({ certificateId, accountId, courseId, organizationId, snapshot }: Issued) => ({
  certificateId,
  accountId,
  courseId,
  organizationId,
  courseTitle: snapshot.courseTitle,
})
