import { userInfo } from 'node:os'
import { join } from 'node:path'
import { openDeadLetters } from '../console/dead-letters.ts'
import { consumersOf } from '../console/letter-actions.ts'
import { BYTES_MAX, createLogRing } from '../console/log-ring.ts'
import type { Parts, Sample } from '../console/parts.ts'
import { createRedact } from '../console/redact.ts'
import { openWorkflows } from '../console/workflows.ts'
import type { EventSourceMappings } from '../event-source-mappings/event-source-mappings.ts'
import type { Lambda } from '../lambda/lambda.ts'
import type { MailServer } from '../mail/mail.ts'
import type { Template } from '../template/template.ts'
import type { Closers } from './closers.ts'
import type { HubConfig } from './config.ts'
import { readJson } from './data-folder.ts'
import type { HubLog } from './log.ts'
import type { Secrets } from './secrets.ts'
import { REGION } from './template.ts'

/** What the console looks at, of a hub whose parts have started. */
export const openConsole = async ({
  config,
  url,
  template,
  lambda,
  mail,
  mappings,
  databaseUrl,
  secrets,
  stepFunctionsPort,
  hubLog,
  closers,
}: {
  config: HubConfig
  url: string
  template: Template
  lambda: Lambda
  mail: MailServer
  mappings: EventSourceMappings
  databaseUrl: string
  secrets: Secrets
  stepFunctionsPort: number
  hubLog: HubLog
  closers: Closers
}): Promise<Parts> => {
  const redact = createRedact([...Object.values(secrets.values), secrets.internalKey.d])
  const logs = createLogRing({ redact })
  await hubLog.follow(logs.add, { bytesMax: BYTES_MAX })
  const consumers = [...consumersOf(template).keys()]
  const letters = closers.add(openDeadLetters({ url: databaseUrl, consumers }), (part) =>
    part.close(),
  )
  const workflows = openWorkflows({
    endpoint: `http://127.0.0.1:${stepFunctionsPort}`,
    region: REGION,
  })
  closers.add(workflows, async (part) => part.close())
  return {
    ...{ url, template, lambda, mail, letters, workflows, logs, redact },
    lag: () => mappings.lag(),
    sample: async () => (await readJson(join(config.dataDir, 'sample.json'))) as Sample | undefined,
    operator: nameOfOperator(),
  }
}

/** A machine may have no entry for whoever runs this. */
const nameOfOperator = (): string => {
  try {
    return userInfo().username
  } catch {
    return ''
  }
}
