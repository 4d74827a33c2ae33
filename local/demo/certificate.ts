import { createLocalJWKSet, jwtVerify } from 'jose'
import { certificateContract } from '../../shared/contracts/certificate.ts'
import type { CertificateId, CourseId } from '../../shared/kernel/id.ts'
import type { Api } from './api.ts'
import type { Narrator } from './narrator.ts'
import { until } from './until.ts'

export type CertificateLinks = {
  readonly certificateId: CertificateId
  /** Signed by storage, for some minutes. */
  readonly pdfUrl: string
  /** For anybody, for ever. */
  readonly pageUrl: string
}

/**
 * Waits for the certificate of a completed course, reads the PDF, and verifies the credential as a stranger would: with
 * nothing but the published keys.
 */
export const collectCertificate = async (
  api: Api,
  options: { courseId: CourseId; learnerName: string; narrate: Narrator },
): Promise<CertificateLinks> => {
  const { courseId, learnerName, narrate } = options
  const certificate = await narrate.step('The certificate is issued by its workflow', () =>
    until('the certificate', async () => {
      const { items } = await api.call(certificateContract, 'listOwnCertificates')
      const found = items.find((one) => one.courseId === courseId)
      if (found?.state === 'failed' || found?.state === 'withheld')
        throw new Error(found.reason ?? `The certificate was ${found.state}.`)
      return found?.state === 'issued' ? found : undefined
    }),
  )
  const { certificateId } = certificate
  const params = { certificateId }
  const { location: pdfUrl } = await narrate.step('Its PDF can be fetched', async () => {
    const pdf = await api.call(certificateContract, 'downloadCertificate', { params })
    const answer = await fetch(pdf.location)
    const start = Buffer.from(await answer.arrayBuffer())
      .subarray(0, 5)
      .toString()
    if (!answer.ok || start !== '%PDF-') throw new Error('The download is no PDF.')
    return pdf
  })
  await narrate.step(
    'Anybody can verify it: signature, claims, status',
    async () => {
      const credential = await api.call(certificateContract, 'getCredential', { params })
      const keys = await api.call(certificateContract, 'listIssuerKeys')
      await jwtVerify(credential, createLocalJWKSet(keys), { algorithms: ['EdDSA'] })
      const seen = await api.call(certificateContract, 'verifyCertificate', { params })
      if (seen.status !== 'valid' || seen.claims.learnerName !== learnerName)
        throw new Error('The certificate does not say what it should.')
      return seen
    },
    ({ status, claims }) => `${status}, for ${claims.learnerName}`,
  )
  return { certificateId, pdfUrl, pageUrl: certificate.links?.page ?? '' }
}
