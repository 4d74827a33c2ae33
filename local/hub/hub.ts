import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describeError } from '../../shared/observe/logger.ts'
import { freePort } from '../free-port.ts'
import { startMail } from '../mail/mail.ts'
import { ffprobePath } from '../mediaconvert/tool-paths.ts'
import { packageHub } from '../package/package.ts'
import type { Closers } from './closers.ts'
import { readConcurrency, withConcurrency } from './concurrency.ts'
import type { HubConfig, S3Config } from './config.ts'
import { claimDataFolder } from './data-folder.ts'
import { prepareEngines } from './engines.ts'
import { fontsPath } from './fonts.ts'
import { startFunctions, startTriggers } from './functions.ts'
import { startGateway } from './gateway.ts'
import { type HubLog, openHubLog } from './log.ts'
import { openConsole } from './open-console.ts'
import { startPages } from './pages.ts'
import type { Report } from './report.ts'
import { loadSecrets, type Secrets, secretOf } from './secrets.ts'
import { migrateSchemas, openEventLog, startDatabase, startStorage } from './stores.ts'
import { readHubTemplate } from './template.ts'
import { startWorkflows } from './workflows.ts'

export type Hub = {
  readonly url: string
  /** Ends every part and every child, within five seconds. */
  stop(): Promise<void>
}

/** Whoever verifies this address gets the first platform grant (functions/rbac). */
export const SAMPLE_ADMIN_EMAIL = 'admin@hub.localhost'

/**
 * Brings up the whole hub on one machine: the same bundles, template and state machines that deploy, on embedded parts.
 *
 * @throws an Error whose message is one sentence for the person who started it; nothing is left running.
 */
export const startHub = async (
  config: HubConfig,
  { report, closers }: { report: Report; closers: Closers },
): Promise<Hub> => {
  try {
    closers.add(await claimDataFolder(config.dataDir), (release) => release())
    const hubLog = await openHubLog(join(config.dataDir, 'logs'))
    closers.add(hubLog, (log) => log.close())
    return await bringUp(config, { report, hubLog, closers }).catch((error: unknown) => {
      hubLog.of('hub').error('the hub has not started', describeError(error))
      throw error
    })
  } catch (error) {
    await closers.close()
    throw error
  }
}

/** Each part in the order in which others need it; they end in the opposite order. */
const bringUp = async (
  config: HubConfig,
  { report, hubLog, closers }: { report: Report; hubLog: HubLog; closers: Closers },
): Promise<Hub> => {
  const { root, dataDir } = config
  const url = `http://localhost:${config.port}`
  const gatewayUrl = `http://127.0.0.1:${await freePort()}`
  // First of all the port: whoever cannot have it need not wait for the rest.
  const pages = closers.add(await startPages({ config, url, gatewayUrl }), (part) => part.close())
  if (config.databaseUrl || config.kafka || config.redis || config.s3)
    await report.step('preparing the given engines', () => prepareEngines(config))
  const packaged = await report.step('packaging the functions', () =>
    packageHub({ root, reuse: true }),
  )
  const secrets = await loadSecrets(dataDir, await readFile(packaged.templatePath, 'utf8'))
  const databaseUrl = await report.step('starting PostgreSQL', () => startDatabase(config, closers))
  const eventLog = await report.step('migrating the schemas', async () => {
    await migrateSchemas({ root, databaseUrl, secrets })
    return openEventLog(config, { databaseUrl, secrets, log: hubLog.of('event-log'), closers })
  })
  const { s3, mail } = await report.step('starting storage and mail', async () => ({
    s3: await startStorage(config, { secrets, closers }),
    mail: closers.add(await startOwnMail(dataDir, secrets), (part) => part.close()),
  }))
  await report.step('starting functions, workflows and gateway', async () => {
    const ports = await freePorts()
    const internalUrl = `http://127.0.0.1:${ports.internal}`
    const packagedTemplate = await readHubTemplate(packaged.templatePath, {
      ...{ config, secrets, databaseUrl, internalUrl },
      publicUrl: url,
      adminEmail: SAMPLE_ADMIN_EMAIL,
    })
    const concurrency = await readConcurrency(config.concurrencyFile, packagedTemplate)
    const template = withConcurrency(packagedTemplate, concurrency)
    const lambda = await startFunctions({
      ...{ template, concurrency, hubLog, closers },
      codeRoot: packaged.codeRoot,
      apiPort: ports.lambda,
      environment: {
        ...machineEnvironment(root, { ports, s3, mailUrl: mail.url }),
        ...eventLog.environment,
      },
    })
    await startWorkflows({ template, lambda, dataDir, ports, s3, closers })
    const internalPort = ports.internal
    const mappings = await startTriggers({
      ...{ template, lambda, internalPort, hubLog, closers },
      bus: eventLog.bus,
    })
    const gateway = await startGateway({
      ...{ config, internalUrl, secrets, hubLog },
      url: gatewayUrl,
      publicUrl: url,
      eventLog: eventLog.environment,
    })
    closers.add(gateway, (part) => part.stop())
    const opened = await openConsole({
      ...{ config, url, template, lambda, mail, mappings, databaseUrl, secrets, hubLog, closers },
      stepFunctionsPort: ports.stepFunctions,
    })
    pages.ready(opened)
  })
  return { url, stop: () => closers.close() }
}

const startOwnMail = (dataDir: string, secrets: Secrets) =>
  startMail({
    dataDir: join(dataDir, 'mail'),
    port: 0,
    apiKey: secretOf(secrets, 'sendgrid:api-key'),
  })

type Ports = Awaited<ReturnType<typeof freePorts>>

// Known before the parts that listen on them: functions are told of all of them at once.
const freePorts = async () => ({
  internal: await freePort(),
  lambda: await freePort(),
  stepFunctions: await freePort(),
  mediaConvert: await freePort(),
})

/** What every function finds here beside its own variables: this machine's parts in place of AWS's. */
const machineEnvironment = (
  root: string,
  { ports, s3, mailUrl }: { ports: Ports; s3: S3Config; mailUrl: string },
): Readonly<Record<string, string>> => {
  const { accessKeyId, secretAccessKey } = s3.credentials
  return {
    PATH: process.env.PATH ?? '',
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    AWS_ENDPOINT_URL_LAMBDA: `http://127.0.0.1:${ports.lambda}`,
    AWS_ENDPOINT_URL_SFN: `http://127.0.0.1:${ports.stepFunctions}`,
    AWS_ENDPOINT_URL_MEDIACONVERT: `http://127.0.0.1:${ports.mediaConvert}`,
    SENDGRID_BASE_URL: mailUrl,
    FFPROBE_PATH: ffprobePath(),
    FONTS_PATH: fontsPath(root),
  }
}
