import { assert } from '../../shared/kernel/assert.ts'
import type { CertificateId } from '../../shared/kernel/id.ts'
import { addMs } from '../../shared/kernel/time.ts'
import { describeError } from '../../shared/observe/logger.ts'
import type { Job, Jobs } from '../../shared/service/define.ts'
import { startOrLeave } from './commands/executions.ts'
import { type Certificate, CHECK_AFTER_MS, resume } from './domain/certificate.ts'
import type { Deps } from './routes.ts'
import { certificates } from './store/certificates.ts'
import { signingKeys } from './store/signing-keys.ts'

/** Runs that one call looks after, a transaction each: the next call goes on. */
const RUNS_PER_CALL_MAX = 50

type Call = Parameters<Job<Deps>>[0]

export const jobs: Jobs<Deps> = {
  /** Every minute: starts what was recorded but not started, and runs whose execution has ended without an answer. */
  async recover(call, { executions }) {
    const overdue = await call.transaction('*', (tx) =>
      certificates(tx).listOverdue(call.now, RUNS_PER_CALL_MAX),
    )
    for (const certificateId of overdue)
      await lookAfter(certificateId, call, executions).catch((error: unknown) =>
        // One that cannot be looked after now must not keep the others waiting; it is found again.
        call.log.error('run not looked after', { certificateId, ...describeError(error) }),
      )
  },

  /** Daily: publishes the coming signing key a day before it signs, and destroys what signs no more. */
  async rotateKeys({ transaction, log }, { credentials }) {
    const keys = await transaction('*', (tx) => signingKeys(tx).turn(credentials.makeKey))
    log.info('signing keys turned', { published: keys.length })
  },
}

const lookAfter = async (
  certificateId: CertificateId,
  { transaction, now, log }: Call,
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
