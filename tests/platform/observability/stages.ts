import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runJest, type Stage } from '../../support/stages.ts'
import { openTofu } from '../tofu.ts'
import { plansFolder, terraformFolder } from '../workspace.ts'

const PLAIN = ['-no-color', '-input=false'] as const

/** Applies the module by itself, with the sizes of prod, and holds all that it makes against what is reported. */
const observability: Stage = {
  name: 'observability',
  run: async () => {
    const tofu = await openTofu()
    const folder = join(plansFolder, 'observability')
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true })
    await cp(join(terraformFolder, 'modules', 'observability'), folder, { recursive: true })
    await writeFile(join(folder, 'check.auto.tfvars.json'), JSON.stringify(await variables()))
    await tofu(folder, ['init', ...PLAIN])
    await tofu(folder, ['apply', ...PLAIN, '-auto-approve'])
    await writeFile(join(folder, 'state.json'), await tofu(folder, ['show', '-json']))
    return runJest(['tests/platform/observability/'], { HUB_OBSERVABILITY: folder })
  },
}

const variables = async () => {
  const prod = join(terraformFolder, 'environments', 'prod', 'sizes.auto.tfvars.json')
  const { sizes } = JSON.parse(await readFile(prod, 'utf8'))
  return {
    ...{ name: 'learning-hub-prod', stage: 'prod', account_id: '123456789012', sizes },
    ...{ region: 'us-east-1', pods: ['api-gateway'], alert_address: 'ops@example.org' },
    ...{ trace_share: 0.05, log_retention_days: 30, proxy_connections_percent: 90 },
    logs_key_arn: 'arn:aws:kms:us-east-1:123456789012:key/logs',
    balancers: { public: 'app/public/1', internal: 'app/internal/2' },
  }
}

/** Alarms, dashboards, rules and routes: each reads what is really reported. */
export const observabilityStages: readonly Stage[] = [observability]
