import * as z from 'zod'
import {
  type Certificate,
  executionNameOf,
  fail,
  pdfKeyOf,
  type Reason,
} from '../../../functions/certificate/domain/certificate.ts'
import { certificates } from '../../../functions/certificate/store/certificates.ts'
import type { Step } from '../../../shared/lambda/step.ts'
import { removeObjects } from '../../../shared/storage/objects.ts'
import type { StepDeps, StepInput } from './hold.ts'

/** What Catch hands over; for a function, `Cause` is the JSON of its error. */
const caughtSchema = z.object({ Error: z.string(), Cause: z.string().default('') })
const lambdaErrorSchema = z.object({ errorMessage: z.string() })

/** Says why there is no certificate, and removes what was made of it. */
export const markFailed: Step<StepInput & { readonly failure: unknown }, void, StepDeps> = async (
  input,
  call,
  { storage },
) => {
  const reason = reasonOf(caughtSchema.parse(input.failure))
  const failed = await call.transaction(input.organizationId, async (tx) => {
    const certificate = await certificates(tx).findForUpdate(input.certificateId)
    if (!certificate || executionNameOf(certificate) !== input.executionName) return undefined
    if (certificate.state === 'failed') return certificate
    if (certificate.state !== 'issuing') return undefined
    await certificates(tx).save(fail(certificate, reason, call.now))
    return certificate
  })
  if (failed) await removeObjects(storage, keysOf(failed))
}

/** What any of its runs may have printed: one that was resumed goes on with what the one before it has made. */
const keysOf = ({ certificateId, run }: Certificate): string[] =>
  Array.from({ length: run }, (_, index) => pdfKeyOf({ certificateId, run: index + 1 }))

const GENERAL: Reason = {
  reasonCode: 'issuing_failed',
  reason: 'Issuing failed for a reason that is ours. Please issue it again.',
}

/** Why a run failed, in words for the staff and the learner. */
const reasonOf = ({ Error: name, Cause }: z.output<typeof caughtSchema>): Reason => {
  const message = lambdaErrorSchema.safeParse(parsed(Cause)).data?.errorMessage ?? ''
  if (name === 'FactsMissing')
    return { reasonCode: 'facts_missing', reason: `Not known in time: ${message}.` }
  if (name !== 'CertificateRejected') return GENERAL
  const { reasonCode, reason } =
    /^(?<reasonCode>[a-z_]+): (?<reason>.+)$/s.exec(message)?.groups ?? {}
  return reasonCode && reason ? { reasonCode, reason } : GENERAL
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
