import { withhold } from '../../../functions/certificate/domain/certificate.ts'
import { refusal } from '../../../functions/certificate/domain/rule.ts'
import type { Step } from '../../../shared/lambda/step.ts'
import { gatherFacts } from './facts.ts'
import { hold, type StepDeps, type StepInput } from './hold.ts'

export type Checked = { readonly outcome: 'earned' | 'withheld' }

/** Whether the completion earns the certificate, by the rule of the very version that was completed. */
export const checkRule: Step<StepInput, Checked, StepDeps> = async (input, call) => {
  const { state } = await hold(input, call, async (certificate, tx) => {
    // What supersedes was earned once: a later grade never takes it away.
    if (certificate.supersedesId !== null) return certificate
    const { version, grades } = await gatherFacts(certificate, tx)
    const reason = refusal(version, grades)
    return reason ? withhold(certificate, reason, call.now) : certificate
  })
  return { outcome: state === 'withheld' ? 'withheld' : 'earned' }
}
