import type { Certificate } from '../../../functions/certificate/domain/certificate.ts'
import {
  type Grades,
  isGraded,
  type VersionFacts,
} from '../../../functions/certificate/domain/rule.ts'
import { facts } from '../../../functions/certificate/store/facts.ts'
import type { Tx } from '../../../shared/db/transaction.ts'
import { SECOND_MS } from '../../../shared/kernel/time.ts'
import { FactsMissing } from '../errors.ts'

/** How long after the completion grades are waited for; Retry of the first state goes on somewhat longer. */
export const GRADES_WAIT_MS = 45 * SECOND_MS

export type Facts = {
  readonly version: VersionFacts
  readonly grades: Grades
  readonly learnerName: string
  readonly email: string | null
}

/**
 * What the certificate will speak of. Its parts come by other topics than the completion and may be later.
 *
 * @throws FactsMissing
 */
export const gatherFacts = async (certificate: Certificate, tx: Tx): Promise<Facts> => {
  const version = await facts(tx).findVersion(certificate.versionId)
  if (!version) throw new FactsMissing('the published version')
  const person = await facts(tx).findPerson(certificate.accountId)
  if (!person?.name) throw new FactsMissing('the name of the learner')
  const grades = await facts(tx).gradesOf(certificate.accountId, version.gradedBy)
  const waited = tx.now - certificate.requestedAt
  if (!isGraded(version, grades) && waited < GRADES_WAIT_MS) throw new FactsMissing('a grade')
  return { version, grades, learnerName: person.name, email: person.email }
}
