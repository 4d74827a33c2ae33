import {
  issue as decide,
  executionNameOf,
  isIssued,
} from '../../../functions/certificate/domain/certificate.ts'
import { certificates } from '../../../functions/certificate/store/certificates.ts'
import type { Step } from '../../../shared/lambda/step.ts'
import { RunOver } from '../errors.ts'
import type { StepDeps, StepInput } from './hold.ts'

/** Makes it valid: one transaction switches the state, ends what it replaces, and tells the world. */
export const issue: Step<StepInput, void, StepDeps> = async (input, call, { links }) => {
  await call.transaction(input.organizationId, async (tx) => {
    const certificate = await certificates(tx).findForUpdate(input.certificateId)
    if (!certificate || executionNameOf(certificate) !== input.executionName) throw new RunOver()
    // The answer of an earlier call was lost.
    if (isIssued(certificate)) return
    if (certificate.state !== 'issuing') throw new RunOver()
    const { supersedesId, certificateId } = certificate
    const former = supersedesId ? await certificates(tx).findForUpdate(supersedesId) : undefined
    const verifyUrl = links.certificate(certificateId).page
    const issued = decide(certificate, { former, verifyUrl }, call.now)
    await certificates(tx).save(issued.certificate)
    if (issued.former) await certificates(tx).save(issued.former)
    await certificates(tx).emit(issued.events)
  })
}
