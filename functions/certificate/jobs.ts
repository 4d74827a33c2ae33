import { eachDue } from '../../shared/db/batches.ts'
import { assert } from '../../shared/kernel/assert.ts'
import type { CertificateId } from '../../shared/kernel/id.ts'
import { addMs } from '../../shared/kernel/time.ts'
import type { JobCall, Jobs } from '../../shared/service/define.ts'
import { startOrLeave } from './commands/executions.ts'
import { type Certificate, CHECK_AFTER_MS, resume } from './domain/certificate.ts'
import type { Deps } from './routes.ts'
import { certificates } from './store/certificates.ts'
import { signingKeys } from './store/signing-keys.ts'

/** Runs that one call looks after, a transaction each: the next call goes on. */
const RUNS_PER_CALL_MAX = 50

export const jobs: Jobs<Deps> = {
  /** Every minute: starts what was recorded but not started, and runs whose execution has ended without an answer. */
  recover: (call, { executions }) =>
    eachDue<Pick<Certificate, 'certificateId'>>(call, {
      ...{ rowsMax: RUNS_PER_CALL_MAX, failure: 'run not looked after' },
      due: (tx, { limit }) => certificates(tx).listOverdue(call.now, limit),
      work: ({ certificateId }) => lookAfter(certificateId, call, executions),
    }),

  /** Daily: publishes the coming signing key a day before it signs, and destroys what signs no more. */
  async rotateKeys({ transaction, log }, { credentials }) {
    const keys = await transaction('*', (tx) => signingKeys(tx).turn(credentials.makeKey))
    log.info('signing keys turned', { published: keys.length })
  },
}

const lookAfter = async (
  certificateId: CertificateId,
  { transaction, now, log }: JobCall,
  executions: Deps['executions'],
): Promise<void> => {
  const started = await transaction('*', async (tx): Promise<Certificate | undefined> => {
    const certificate = await certificates(tx).findForUpdate(certificateId)
    assert(certificate, 'certificates are not deleted')
    if (certificate.checkAt === null || certificate.checkAt > now) return undefined
    const state = await executions.state(certificate)
    const next =
      state === 'over'
        ? resume(certificate, now)
        : { ...certificate, checkAt: addMs(now, CHECK_AFTER_MS) }
    await certificates(tx).save(next)
    return next.state === 'issuing' && state !== 'running' ? next : undefined
  })
  if (!started) return
  log.info('run started again', { certificateId, run: started.run })
  await startOrLeave(started, executions)
}
