import {
  type Certificate,
  executionNameOf,
} from '../../../functions/certificate/domain/certificate.ts'
import type { Signing } from '../../../functions/certificate/settings.ts'
import { certificates } from '../../../functions/certificate/store/certificates.ts'
import type { Tx } from '../../../shared/db/transaction.ts'
import type { CertificateId, OrganizationId } from '../../../shared/kernel/id.ts'
import type { StepCall } from '../../../shared/lambda/step.ts'
import type { Storage } from '../../../shared/storage/open.ts'
import { NotYetRecorded, RunOver } from '../errors.ts'
import type { Printer } from '../printer.ts'

/** What every state hands to its step. */
export type StepInput = {
  readonly certificateId: CertificateId
  readonly organizationId: OrganizationId
  readonly executionName: string
  readonly traceparent: string
}

export type StepDeps = Signing & { readonly storage: Storage; readonly printer: Printer }

/**
 * Does `work` on the certificate of this execution, under its lock and in its organisation, and saves what comes out.
 *
 * @throws NotYetRecorded when there is none (yet), RunOver when the run is another's or over.
 */
export const hold = (
  input: StepInput,
  call: StepCall,
  work: (certificate: Certificate, tx: Tx) => Promise<Certificate>,
): Promise<Certificate> =>
  call.transaction(input.organizationId, async (tx) => {
    const certificate = await certificates(tx).findForUpdate(input.certificateId)
    if (!certificate) throw new NotYetRecorded()
    if (executionNameOf(certificate) !== input.executionName) throw new RunOver('another’s run')
    if (certificate.state !== 'issuing')
      throw new RunOver(`the certificate is ${certificate.state}`)
    const worked = await work(certificate, tx)
    if (worked !== certificate) await certificates(tx).save(worked)
    return worked
  })
