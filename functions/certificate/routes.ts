import type { certificateContract } from '../../shared/contracts/certificate.ts'
import type { Tx } from '../../shared/db/transaction.ts'
import type { Caller } from '../../shared/http/caller.ts'
import type { Handlers } from '../../shared/http/mount.ts'
import { assert } from '../../shared/kernel/assert.ts'
import { type CertificateId, type CourseId, newOpaqueId } from '../../shared/kernel/id.ts'
import { toPage } from '../../shared/kernel/page.ts'
import {
  type CourseClient,
  type CourseFacts,
  courseRefs,
} from '../../shared/projection/course-refs.ts'
import type { Storage } from '../../shared/storage/open.ts'
import { type Executions, startOrLeave } from './commands/executions.ts'
import {
  type Certificate,
  type Issued,
  isIssued,
  reissue,
  revoke,
  standingOf,
} from './domain/certificate.ts'
import { CREDENTIAL_CONTEXTS, certificateIdOf, ISSUER_NAME } from './domain/credential.ts'
import {
  certificateInProgress,
  certificateNotFound,
  certificateNotIssued,
  certificateSuperseded,
  courseNotFound,
  keyNotFound,
} from './errors.ts'
import type { Signing } from './settings.ts'
import { certificates } from './store/certificates.ts'
import { signingKeys } from './store/signing-keys.ts'
import { certificatePage, PAGE_POLICY, showCertificate, showVerification } from './views.ts'

export type Deps = Signing & {
  readonly storage: Storage
  readonly executions: Executions
  readonly course: CourseClient
}

const DOWNLOAD_SECONDS = 300
/** Keys are published a day before they sign, so that an hour is never too long. */
const KEYS_CACHE = 'public, max-age=3600'

export const routes: Handlers<typeof certificateContract, Deps> = {
  async listOwnCertificates({ query, caller, now, tx }, { links }) {
    const listed = await certificates(tx).listOf(caller.accountId, query)
    return toPage(listed, query.limit, {
      keyOf: ({ certificateId }) => [certificateId],
      itemOf: (certificate) => showCertificate(certificate, { links, now }),
    })
  },

  async getIssuer(_, { links }) {
    return {
      '@context': CREDENTIAL_CONTEXTS,
      id: links.issuer,
      type: ['Profile'],
      name: ISSUER_NAME,
      url: links.hub,
      jwks: links.jwks,
    }
  },

  async listIssuerKeys({ reply, tx }, { credentials }) {
    reply.set('cache-control', KEYS_CACHE)
    const keys = await signingKeys(tx).published(credentials.makeKey)
    return { keys: keys.map(({ publicJwk }) => publicJwk) }
  },

  async getIssuerKey({ params, reply, tx }) {
    const key = await signingKeys(tx).find(params.keyId)
    if (!key) throw keyNotFound(params.keyId)
    reply.set('cache-control', KEYS_CACHE)
    return key.publicJwk
  },

  async verifyCredential({ body, now, tx }, { credentials, links }) {
    const keys = await signingKeys(tx).list()
    const claims = await credentials.read(
      body.credential,
      keys.map(({ publicJwk }) => publicJwk),
    )
    const certificateId = claims && certificateIdOf(claims.jti, links)
    const certificate = certificateId && (await certificates(tx).find(certificateId))
    if (!certificate || !isIssued(certificate)) return NOT_GENUINE
    const { status, reason } = standingOf(certificate, now)
    return { status, reason, verification: showVerification(certificate, { links, now }) }
  },

  async listCourseCertificates({ params, query, caller, headers, now, tx }, { course, links }) {
    const as = { headers, traceparent: tx.traceparent }
    const facts = await courseRefs(tx).findOrAsk(params.courseId, course, as)
    caller.require('certificate:read', facts, courseNotFound(params.courseId))
    const listed = await certificates(tx).listOfCourse(params.courseId, query)
    return toPage(listed, query.limit, {
      keyOf: ({ certificateId }) => [certificateId],
      itemOf: (certificate) => showCertificate(certificate, { links, now }),
    })
  },

  async getCertificate({ params, caller, now, tx }, { links }) {
    return showCertificate(await findReadable({ ...params, caller, tx }), { links, now })
  },

  async downloadCertificate({ params, caller, tx }, { storage }) {
    const { pdf, certificateId } = issuedOrRefuse(await findReadable({ ...params, caller, tx }))
    const location = await storage.signedUrl(pdf.key, {
      seconds: DOWNLOAD_SECONDS,
      contentType: 'application/pdf',
      contentDisposition: `attachment; filename="${certificateId}.pdf"`,
    })
    return { location }
  },

  async getCredential({ params, caller, reply, tx }) {
    const { credential } = issuedOrRefuse(await findReadable({ ...params, caller, tx }))
    reply.set('cache-control', 'private, no-store')
    return credential
  },

  async verifyCertificate({ params, now, tx }, { links }) {
    return showVerification(await findPublic(params.certificateId, tx), { links, now })
  },

  async showCertificatePage({ params, now, reply, tx }, { links }) {
    const certificate = await findPublic(params.certificateId, tx)
    reply.set('content-security-policy', PAGE_POLICY)
    reply.set('cache-control', 'no-cache')
    return certificatePage(certificate, { links, now })
  },

  async revokeCertificate({ params, body, caller, now, tx }, { links }) {
    const found = await findManaged({ ...params, caller, tx })
    // Its successor would become valid in a moment, and be what nobody has taken back.
    if (await certificates(tx).isBeingReplaced(found)) throw certificateInProgress()
    const { certificate, events } = revoke(found, body.reason, now)
    await certificates(tx).save(certificate)
    await certificates(tx).emit(events)
    return showCertificate(certificate, { links, now })
  },

  async reissueCertificate({ params, caller, now, tx }, { links, executions }) {
    const asked = await findManaged({ ...params, caller, tx })
    const newest = await certificates(tx).findNewestForUpdate(asked)
    assert(newest, 'whoever has a certificate has a newest one')
    const isFormer = newest.certificateId !== asked.certificateId
    if (isFormer && isIssued(newest)) throw certificateSuperseded()
    const { traceparent } = tx
    const next = reissue(newest, { certificateId: newOpaqueId('certificate'), traceparent }, now)
    if (next.number > newest.number) await certificates(tx).insertSuccessor(next)
    else await certificates(tx).save(next)
    await startOrLeave(next, executions)
    return showCertificate(next, { links, now })
  },
}

const NOT_GENUINE = {
  status: 'not_genuine',
  reason: 'It was altered, is incomplete, or was not signed by this issuer.',
  verification: null,
} as const

type Wanted = { readonly certificateId: CertificateId; readonly caller: Caller; readonly tx: Tx }

/** The certificate if it is the caller's or of a course whose certificates they may read; else it does not exist. */
const findReadable = async ({ certificateId, caller, tx }: Wanted): Promise<Certificate> => {
  const certificate = await certificates(tx).find(certificateId)
  if (!certificate) throw certificateNotFound(certificateId)
  if (certificate.accountId !== caller.accountId)
    caller.require(
      'certificate:read',
      await courseOf(certificate.courseId, tx),
      certificateNotFound(certificateId),
    )
  return certificate
}

/** The certificate, locked, if the caller manages those of its course; else it does not exist. */
const findManaged = async ({ certificateId, caller, tx }: Wanted): Promise<Certificate> => {
  const certificate = await certificates(tx).findForUpdate(certificateId)
  if (!certificate) throw certificateNotFound(certificateId)
  const course = await courseOf(certificate.courseId, tx)
  caller.require('certificate:manage', course, certificateNotFound(certificateId))
  return certificate
}

// Whoever completed a course did so after it was published, so its ref has been told; if not, nobody teaches it yet.
const courseOf = async (
  courseId: CourseId,
  tx: Tx,
): Promise<Pick<CourseFacts, 'courseId' | 'instructorIds'>> =>
  (await courseRefs(tx).find(courseId)) ?? { courseId, instructorIds: [] }

const findPublic = async (certificateId: CertificateId, tx: Tx): Promise<Issued> => {
  const certificate = await certificates(tx).find(certificateId)
  if (!certificate || !isIssued(certificate)) throw certificateNotFound(certificateId)
  return certificate
}

const issuedOrRefuse = (certificate: Certificate): Issued => {
  if (!isIssued(certificate)) throw certificateNotIssued()
  return certificate
}
