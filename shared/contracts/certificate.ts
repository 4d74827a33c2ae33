import * as z from 'zod'
import { idSchema } from '../kernel/id.ts'
import { pageOf, pageQuery } from '../kernel/page.ts'
import { isoSchema } from '../kernel/time.ts'
import { defineContract } from './define.ts'

export const REVOCATION_REASON_LENGTH_MAX = 500
/** A credential of ours has some 3,000 characters. */
export const CREDENTIAL_LENGTH_MAX = 20_000

/** How a certificate stands in the eyes of somebody who verifies it. */
export const standingSchema = z.enum(['valid', 'revoked', 'expired', 'superseded'])

/** Where issuing it has got to, as the learner and the staff see it. */
export const certificateStateSchema = z.enum([
  'issuing',
  'withheld',
  'failed',
  'issued',
  'revoked',
  'superseded',
])

const certificateParams = z.strictObject({ certificateId: idSchema('certificate') })

/** Everything that the certificate says, as it was when it was issued. */
const claimsSchema = z.object({
  learnerName: z.string().meta({ examples: ['Ada Lovelace'] }),
  courseTitle: z.string().meta({ examples: ['Film editing, the basics'] }),
  courseVersion: z.int().positive(),
  organizationName: z.string(),
  /** The mean of the required quizzes, in 1/10,000; null when the course has none. */
  gradeBasisPoints: z.int().min(0).max(10_000).nullable(),
  completedAt: isoSchema,
  issuedAt: isoSchema,
  /** The first instant at which it is no longer valid; null for never. */
  validUntil: isoSchema.nullable(),
})

const certificateSchema = z.object({
  certificateId: idSchema('certificate'),
  accountId: idSchema('account'),
  courseId: idSchema('course'),
  versionId: idSchema('courseVersion'),
  state: certificateStateSchema,
  /** Null until it is issued. */
  standing: standingSchema.nullable(),
  claims: claimsSchema.nullable(),
  /** Why it was withheld, failed or was revoked. */
  reasonCode: z.string().nullable(),
  reason: z.string().nullable(),
  requestedAt: isoSchema,
  supersedesId: idSchema('certificate').nullable(),
  supersededById: idSchema('certificate').nullable(),
  links: z
    .object({ page: z.string(), verification: z.string(), pdf: z.string(), credential: z.string() })
    .nullable(),
})

const verificationSchema = z.object({
  certificateId: idSchema('certificate'),
  status: standingSchema,
  /** Why it is not valid, in one sentence. */
  reason: z.string().nullable(),
  /** Since when it is not valid. */
  since: isoSchema.nullable(),
  claims: claimsSchema,
  issuer: z.object({ id: z.string(), name: z.string(), jwks: z.string() }),
  supersedesId: idSchema('certificate').nullable(),
  supersededById: idSchema('certificate').nullable(),
  page: z.string(),
})

const jwkSchema = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string(),
  kid: z.string(),
  alg: z.literal('EdDSA'),
  use: z.literal('sig'),
})

const manage = { scope: 'course', permission: 'certificate:manage' } as const
const own = { scope: 'organization', permission: 'certificate:self' } as const

export const certificateContract = defineContract({
  service: 'certificate',
  prefix: '/v1/certificates',
  title: 'Certificates',
  operations: {
    listOwnCertificates: {
      method: 'GET',
      path: '/',
      summary: 'The caller’s certificates, newest first',
      ...own,
      query: z.strictObject(pageQuery),
      status: 200,
      answer: pageOf(certificateSchema),
      errors: ['request.cursor'],
    },
    getIssuer: {
      method: 'GET',
      path: '/issuer',
      summary: 'Who issues: the profile that every credential names',
      scope: 'public',
      status: 200,
      answer: z.object({
        '@context': z.array(z.string()),
        id: z.string(),
        type: z.array(z.string()),
        name: z.string(),
        url: z.string(),
        jwks: z.string(),
      }),
      errors: [],
    },
    listIssuerKeys: {
      method: 'GET',
      path: '/issuer/jwks',
      summary: 'Every key that has ever signed a credential, as a JWK set',
      scope: 'public',
      status: 200,
      answer: z.object({ keys: z.array(jwkSchema) }),
      errors: [],
    },
    getIssuerKey: {
      method: 'GET',
      path: '/issuer/keys/{keyId}',
      summary: 'The key that the `kid` of a credential leads to',
      scope: 'public',
      params: z.strictObject({ keyId: idSchema('signingKey') }),
      status: 200,
      answer: jwkSchema,
      errors: ['certificate.key_not_found'],
    },
    verifyCredential: {
      method: 'POST',
      path: '/verifications',
      summary: 'Check a presented credential: its signature, and how its certificate stands',
      scope: 'public',
      body: z.strictObject({ credential: z.string().min(1).max(CREDENTIAL_LENGTH_MAX) }),
      status: 200,
      answer: z.object({
        /** `not_genuine`: altered, incomplete, or signed by somebody else. */
        status: z.enum([...standingSchema.options, 'not_genuine']),
        reason: z.string().nullable(),
        verification: verificationSchema.nullable(),
      }),
      errors: [],
    },
    listCourseCertificates: {
      method: 'GET',
      path: '/courses/{courseId}',
      summary: 'The certificates of a course, failed and withheld ones included, newest first',
      scope: 'course',
      permission: 'certificate:read',
      params: z.strictObject({ courseId: idSchema('course') }),
      query: z.strictObject({ ...pageQuery, state: certificateStateSchema.optional() }),
      status: 200,
      answer: pageOf(certificateSchema),
      errors: ['course.not_found', 'request.cursor', 'course.unavailable'],
    },
    getCertificate: {
      method: 'GET',
      path: '/{certificateId}',
      summary: 'One certificate, for its learner and the staff of its course',
      ...own,
      params: certificateParams,
      status: 200,
      answer: certificateSchema,
      errors: ['certificate.not_found'],
    },
    downloadCertificate: {
      method: 'GET',
      path: '/{certificateId}/pdf',
      summary: 'Redirect to the PDF, for some minutes',
      ...own,
      params: certificateParams,
      status: 302,
      errors: ['certificate.not_found', 'certificate.not_issued'],
    },
    getCredential: {
      method: 'GET',
      path: '/{certificateId}/credential',
      summary: 'The Open Badges 3.0 credential as a signed JWT',
      ...own,
      params: certificateParams,
      status: 200,
      answer: z.string(),
      answerType: 'application/vc+jwt',
      errors: ['certificate.not_found', 'certificate.not_issued'],
    },
    verifyCertificate: {
      method: 'GET',
      path: '/{certificateId}/verification',
      summary: 'What the certificate says, and whether it still stands; for anybody',
      scope: 'public',
      params: certificateParams,
      status: 200,
      answer: verificationSchema,
      errors: ['certificate.not_found'],
    },
    showCertificatePage: {
      method: 'GET',
      path: '/{certificateId}/page',
      summary: 'The same as a page to read',
      scope: 'public',
      params: certificateParams,
      status: 200,
      answer: z.string(),
      answerType: 'text/html; charset=utf-8',
      errors: ['certificate.not_found'],
    },
    revokeCertificate: {
      method: 'POST',
      path: '/{certificateId}/revoke',
      summary: 'Take an issued certificate back, for good; the reason is public',
      ...manage,
      params: certificateParams,
      body: z.strictObject({
        reason: z
          .string()
          .trim()
          .min(3)
          .max(REVOCATION_REASON_LENGTH_MAX)
          .meta({ examples: ['Issued to the wrong person.'] }),
      }),
      status: 200,
      answer: certificateSchema,
      errors: [
        'certificate.not_found',
        'certificate.not_issued',
        'certificate.superseded',
        'certificate.in_progress',
      ],
    },
    reissueCertificate: {
      method: 'POST',
      path: '/{certificateId}/reissue',
      summary: 'Issue again: a new certificate that supersedes this one, or another try at it',
      description:
        'An issued or revoked certificate gets a successor, with names as they are now and the same expiry. What was withheld or failed is tried again.',
      ...manage,
      params: certificateParams,
      status: 202,
      answer: certificateSchema,
      errors: [
        'certificate.not_found',
        'certificate.in_progress',
        'certificate.superseded',
        'certificate.expired',
      ],
      idempotency: 'optional',
    },
  },
})
