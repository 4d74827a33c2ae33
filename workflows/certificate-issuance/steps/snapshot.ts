import { createHash, randomBytes } from 'node:crypto'
import type { Certificate, Snapshot } from '../../../functions/certificate/domain/certificate.ts'
import { ISSUER_NAME } from '../../../functions/certificate/domain/credential.ts'
import { gradeOf, validUntil } from '../../../functions/certificate/domain/rule.ts'
import { certificates } from '../../../functions/certificate/store/certificates.ts'
import { facts } from '../../../functions/certificate/store/facts.ts'
import type { Tx } from '../../../shared/db/transaction.ts'
import type { Step } from '../../../shared/lambda/step.ts'
import { gatherFacts } from './facts.ts'
import { hold, type StepDeps, type StepInput } from './hold.ts'

const SALT_BYTES = 16

/** Takes down names, grade and version as they are now: once, so that every later step says the same. */
export const snapshot: Step<StepInput, void, StepDeps> = async (input, call) => {
  await hold(input, call, async (certificate, tx) =>
    certificate.snapshot ? certificate : { ...certificate, snapshot: await take(certificate, tx) },
  )
}

const take = async (certificate: Certificate, tx: Tx): Promise<Snapshot> => {
  const { version, grades, learnerName, email } = await gatherFacts(certificate, tx)
  const former = certificate.supersedesId && (await certificates(tx).find(certificate.supersedesId))
  return {
    learnerName,
    courseTitle: version.title,
    courseVersion: version.number,
    organizationName: (await facts(tx).organizationName(certificate.organizationId)) ?? ISSUER_NAME,
    gradeBasisPoints: gradeOf(version, grades),
    completedAt: certificate.completedAt,
    issuedAt: tx.now,
    // A reissue replaces; it does not renew.
    validUntil: former?.snapshot
      ? former.snapshot.validUntil
      : validUntil(version.certificateRule, tx.now),
    address: email === null ? null : hashed(email),
  }
}

/** IdentityHash of Open Badges 3.0: SHA-256 of the address followed by the salt, as hex. */
const hashed = (email: string): NonNullable<Snapshot['address']> => {
  const salt = randomBytes(SALT_BYTES).toString('hex')
  const hash = createHash('sha256').update(email.toLowerCase()).update(salt).digest('hex')
  return { hash, salt }
}
