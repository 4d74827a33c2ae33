import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ListExecutionsCommand, SFNClient } from '@aws-sdk/client-sfn'
import { afterAll, beforeAll } from '@jest/globals'
import { openExecutions } from '../../functions/certificate/commands/executions.ts'
import { linksOf } from '../../functions/certificate/domain/credential.ts'
import { openCredentials, type Signing } from '../../functions/certificate/settings.ts'
import { fontsPath } from '../../local/hub/fonts.ts'
import { type StepFunctions, startStepFunctions } from '../../local/step-functions/server.ts'
import type { Database } from '../../shared/db/open.ts'
import { transaction } from '../../shared/db/transaction.ts'
import type { Clock } from '../../shared/kernel/time.ts'
import { silentLog } from '../../shared/observe/logger.ts'
import { continueTrace } from '../../shared/observe/trace.ts'
import type { TestDatabase } from '../../tests/support/database.ts'
import { eventually } from '../../tests/support/eventually.ts'
import type { TestStorage } from '../../tests/support/storage.ts'
import { NotYetRecorded } from './errors.ts'
import { openPrinter } from './printer.ts'
import type { StepDeps, StepInput } from './steps/hold.ts'
import { steps } from './workflow.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export const PUBLIC_URL = 'https://hub.example'
const MACHINE_ARN = 'arn:aws:states:us-east-1:000000000000:stateMachine:certificate-issuance'
const SETTLED_MS_MAX = 30_000

export type StepName = keyof typeof steps

export const signing: Signing = (() => {
  const links = linksOf(PUBLIC_URL)
  return { links, credentials: openCredentials({ links, encryptionKey: randomBytes(32) }) }
})()

type AnyStep = (input: StepInput, call: unknown, deps: StepDeps) => Promise<unknown>

/**
 * The deployed state machine on `local/step-functions` with the real steps, for this test file. Pauses before a retry
 * are a second, so that tests do not wait for minutes; nothing else is changed.
 */
export const useIssuance = (
  testDatabase: TestDatabase,
  bucket: TestStorage,
  clock: { readonly now: Clock },
) => {
  let folder: string
  let server: StepFunctions
  let sfn: SFNClient
  let database: Database
  /** Every step that ran, in order, as `checkRule` …; not one that came before the commit of what started it. */
  const ran: { step: StepName; input: StepInput }[] = []
  /** What happens to a step before or after it runs: a test's way to break the world around it. */
  const hooks: {
    before?: (step: StepName) => Promise<void>
    after?: (step: StepName) => Promise<void>
  } = {}
  let printer: StepDeps['printer']

  const runStep = async (step: StepName, input: StepInput): Promise<unknown> => {
    const run = { step, input }
    ran.push(run)
    await hooks.before?.(step)
    const now = clock.now()
    const traceparent = continueTrace(input.traceparent)
    const call = {
      now,
      log: silentLog,
      traceparent,
      transaction: (tenant: never, work: never) =>
        transaction(database, { tenant, now, actorId: 'system', traceparent }, work),
    }
    const deps = { ...signing, storage: bucket.storage(), printer }
    // Each takes its own input; the state machine hands over what it names.
    const output = await (steps[step] as AnyStep)(input, call, deps).catch((error: unknown) => {
      if (error instanceof NotYetRecorded) ran.splice(ran.indexOf(run), 1)
      throw error
    })
    await hooks.after?.(step)
    return output ?? null
  }

  const start = async () => {
    server = await startStepFunctions({
      dataDir: folder,
      port: 0,
      stateMachines: [
        { name: 'certificate-issuance', arn: MACHINE_ARN, definition: await quickDefinition() },
      ],
      mediaConvert: 'http://127.0.0.1:1',
      async invokeLambda(name, payload) {
        try {
          // As the wire would: nothing but JSON goes in and out.
          const input = JSON.parse(JSON.stringify(payload))
          return { payload: await runStep(stepOf(name), input) }
        } catch (error) {
          const { name: errorType, message: errorMessage } = error as Error
          return { payload: { errorType, errorMessage }, functionError: 'Unhandled' }
        }
      },
    })
    // biome-ignore lint/style/noProcessEnv: where the official client finds its endpoint
    process.env.AWS_ENDPOINT_URL_SFN = server.url
    sfn = new SFNClient({ endpoint: server.url, region: 'us-east-1' })
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hub-issuance-'))
    database = testDatabase.as('certificate')
    printer = openPrinter(fontsPath(root))
    await start()
  })
  afterAll(async () => {
    sfn.destroy()
    await server.close()
    await rm(folder, { recursive: true, force: true })
  })

  const list = async () => {
    const { executions = [] } = await sfn.send(
      new ListExecutionsCommand({ stateMachineArn: MACHINE_ARN }),
    )
    return executions
  }

  return {
    ran,
    hooks,
    runStep,
    /** As the service opens it, over the official client. */
    executions: () => openExecutions({ region: 'us-east-1', machineArn: MACHINE_ARN }),
    list,
    /** Waits until no execution is running. */
    settled: () =>
      eventually(
        async () => {
          const running = (await list()).filter(({ status }) => status === 'RUNNING')
          if (running.length > 0) throw new Error(`${running.length} executions are running`)
        },
        { timeoutMs: SETTLED_MS_MAX },
      ),
    /** The server goes away and comes back with its journals. */
    async restart(): Promise<void> {
      await server.close()
      await start()
    },
  }
}

/** The file that deploys. */
export const readDefinition = async (): Promise<Record<string, unknown>> =>
  JSON.parse(
    await readFile(join(root, 'workflows/certificate-issuance/state-machine.asl.json'), 'utf8'),
  )

const quickDefinition = async (): Promise<Record<string, unknown>> =>
  JSON.parse(JSON.stringify(await readDefinition()), (key, value: unknown) =>
    key === 'IntervalSeconds' || key === 'BackoffRate' || key === 'MaxDelaySeconds'
      ? { IntervalSeconds: 1, BackoffRate: 1, MaxDelaySeconds: 2 }[key]
      : typeof value === 'string' && value.startsWith('${')
        ? `arn:aws:lambda:us-east-1:000000000000:function:${value.slice(2).split('Lambda')[0]}`
        : value,
  )

const stepOf = (functionArn: string): StepName => {
  const name = functionArn.split(':CertificateIssuance').at(-1) ?? ''
  const step = `${name.charAt(0).toLowerCase()}${name.slice(1)}`
  if (!(step in steps)) throw new Error(`there is no step ${step}`)
  return step as StepName
}
