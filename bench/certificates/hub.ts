import { randomBytes } from 'node:crypto'
import { executionNameOf, request } from '../../functions/certificate/domain/certificate.ts'
import { linksOf } from '../../functions/certificate/domain/credential.ts'
import { openCredentials } from '../../functions/certificate/settings.ts'
import { certificates } from '../../functions/certificate/store/certificates.ts'
import { facts } from '../../functions/certificate/store/facts.ts'
import { signingKeys } from '../../functions/certificate/store/signing-keys.ts'
import { fontsPath } from '../../local/hub/fonts.ts'
import type { Database } from '../../shared/db/open.ts'
import { type Tx, transaction } from '../../shared/db/transaction.ts'
import { type CertificateId, newId, newOpaqueId } from '../../shared/kernel/id.ts'
import { type Instant, systemClock } from '../../shared/kernel/time.ts'
import { silentLog } from '../../shared/observe/logger.ts'
import { continueTrace } from '../../shared/observe/trace.ts'
import { readObjectHead } from '../../shared/storage/objects.ts'
import { openPrinter } from '../../workflows/certificate-issuance/printer.ts'
import type { StepDeps, StepInput } from '../../workflows/certificate-issuance/steps/hold.ts'
import { steps } from '../../workflows/certificate-issuance/workflow.ts'
import type { Running } from '../harness/bench.ts'
import { startDatabase } from '../harness/database.ts'
import { closedLoop } from '../harness/loop.ts'
import { startStorage } from '../harness/storage.ts'
import { TEXTS } from './texts.ts'

const SERVICE = 'certificate'
/** Executions under way at once: enough that a commit's wait for the disk is another's turn to print. */
export const EXECUTIONS = 8
const ROUND_SECONDS = 6

const ids = {
  ...{ courseId: newId('course'), versionId: newId('courseVersion') },
  organizationId: newId('organization'),
}

/** The workflow's own steps, in the order of its state machine, over a real database and a real S3. */
export const startHub = async (): Promise<Running> => {
  const bench = await startDatabase([SERVICE])
  const database = bench.as(SERVICE, { connectionsMax: EXECUTIONS })
  const { storage, stop } = await startStorage()
  const links = linksOf('https://hub.example')
  const credentials = openCredentials({ links, encryptionKey: randomBytes(32) })
  const deps: StepDeps = { links, credentials, storage, printer: openPrinter(fontsPath('.')) }
  await inTransaction(database, rememberCourse)
  return {
    async round() {
      const issued: CertificateId[] = []
      const before = process.cpuUsage()
      const { done, perSecond } = await closedLoop({
        ...{ clients: EXECUTIONS, seconds: ROUND_SECONDS },
        work: async () => issued.push(await issueOne(database, deps)),
      })
      const { user, system } = process.cpuUsage(before)
      await expectIssued(database, { issued, deps })
      return { certificatesPerSecond: perSecond, nodeMicroseconds: (user + system) / done }
    },
    async stop() {
      await stop()
      await bench.stop()
    },
  }
}

const issueOne = async (database: Database, deps: StepDeps): Promise<CertificateId> => {
  const now = systemClock()
  const traceparent = continueTrace(undefined)
  const accountId = newId('account')
  const enrollmentId = newId('enrollment')
  const completion = { ...ids, accountId, enrollmentId, completedAt: now }
  const certificate = request(
    completion,
    { certificateId: newOpaqueId('certificate'), traceparent },
    now,
  )
  await inTransaction(database, async (tx) => {
    await facts(tx).rememberSignUp(accountId, { name: TEXTS.learner, email: 'zoe@hub.example' })
    await certificates(tx).insertFirst(certificate)
  })
  const { certificateId } = certificate
  const input: StepInput = {
    ...{ certificateId, traceparent, organizationId: ids.organizationId },
    executionName: executionNameOf(certificate),
  }
  const call = {
    ...{ now, log: silentLog, traceparent },
    transaction: <Result>(_: unknown, work: (tx: Tx) => Promise<Result>) =>
      inTransaction(database, work, now),
  }
  const { outcome } = await steps.checkRule(input, call, deps)
  if (outcome !== 'earned') throw new Error('the certificate was withheld')
  await steps.snapshot(input, call, deps)
  await steps.render(input, call, deps)
  await steps.sign(input, call, deps)
  await steps.issue(input, call, deps)
  return certificateId
}

const inTransaction = <Result>(
  database: Database,
  work: (tx: Tx) => Promise<Result>,
  now: Instant = systemClock(),
): Promise<Result> => {
  const context = { tenant: ids.organizationId, actorId: 'system', now }
  return transaction(database, { ...context, traceparent: continueTrace(undefined) }, work)
}

const rememberCourse = async (tx: Tx): Promise<void> => {
  await facts(tx).rememberVersion({
    ...ids,
    ...{ number: 1, title: TEXTS.course, gradedBy: [] },
    certificateRule: { kind: 'on_completion', gradeBasisPointsMin: 0, validDays: null },
  })
  const { organizationId } = ids
  await facts(tx).rememberOrganization({ organizationId, name: TEXTS.organization, sequence: 1 })
}

/** Every one is recorded, its PDF is stored as recorded, and its signature is genuine, or the bench fails. */
const expectIssued = async (
  database: Database,
  { issued, deps }: { issued: readonly CertificateId[]; deps: StepDeps },
): Promise<void> => {
  const keys = await inTransaction(database, (tx) => signingKeys(tx).list())
  for (const certificateId of issued) {
    const found = await inTransaction(database, (tx) => certificates(tx).find(certificateId))
    if (found?.state !== 'issued' || !found.pdf || !found.credential)
      throw new Error(`${certificateId} is not issued`)
    const genuine = await deps.credentials.read(
      found.credential,
      keys.map(({ publicJwk }) => publicJwk),
    )
    if (!genuine) throw new Error(`${certificateId} is not signed`)
    const pdf = await readObjectHead(deps.storage, found.pdf.key, found.pdf.sizeBytes + 1)
    if (pdf.length !== found.pdf.sizeBytes || !pdf.subarray(0, 5).equals(Buffer.from('%PDF-')))
      throw new Error(`${certificateId} has no PDF`)
  }
}
