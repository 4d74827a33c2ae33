import type { Tx } from '../../../shared/db/transaction.ts'
import { newOpaqueId } from '../../../shared/kernel/id.ts'
import {
  type Certificate,
  type Completion,
  renewal,
  request,
  retry,
} from '../domain/certificate.ts'
import { refusal } from '../domain/rule.ts'
import { certificates } from '../store/certificates.ts'
import { facts } from '../store/facts.ts'
import { type Executions, startOrLeave } from './executions.ts'

/**
 * A completed course earns one certificate, however often it is told; one that was withheld is tried again, and one that
 * has expired is followed by another.
 */
export const requestCertificate = async (
  completion: Completion,
  { tx, executions }: { tx: Tx; executions: Executions },
): Promise<void> => {
  const version = await facts(tx).findVersion(completion.versionId)
  // The rule is checked in the workflow; this only spares the many courses that give no certificate an execution.
  if (version?.certificateRule.kind === 'none') return
  const { now, traceparent } = tx
  const certificateId = newOpaqueId('certificate')
  const first = request(completion, { certificateId, traceparent }, now)
  if (await certificates(tx).insertFirst(first)) return startOrLeave(first, executions)
  const newest = await certificates(tx).findNewestForUpdate(completion)
  if (newest?.state === 'withheld')
    return tryAgain(retry(newest, { traceparent, completion }, now), { tx, executions })
  const next = newest && renewal(newest, completion, { next: first, now })
  if (!next) return
  await certificates(tx).insertSuccessor(next)
  await startOrLeave(next, executions)
}

/** A better grade may earn what was withheld. */
export const reconsider = async (
  learner: Pick<Completion, 'accountId' | 'courseId'>,
  { tx, executions }: { tx: Tx; executions: Executions },
): Promise<void> => {
  const newest = await certificates(tx).findNewestForUpdate(learner)
  if (newest?.state !== 'withheld') return
  const version = await facts(tx).findVersion(newest.versionId)
  if (!version) return
  const grades = await facts(tx).gradesOf(learner.accountId, version.gradedBy)
  if (refusal(version, grades)) return
  await tryAgain(retry(newest, { traceparent: tx.traceparent }, tx.now), { tx, executions })
}

const tryAgain = async (
  certificate: Certificate,
  { tx, executions }: { tx: Tx; executions: Executions },
): Promise<void> => {
  await certificates(tx).save(certificate)
  await startOrLeave(certificate, executions)
}
