import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startOwnHub } from '../../local/demo/own-hub.ts'
import { until } from '../../local/demo/until.ts'
import type { FunctionsReport } from '../../local/hub/functions-report.ts'
import { root } from './root.ts'

/** A hub on embedded parts, which runs as long as we use it. */
export type MeasuredHub = {
  readonly url: string
  /** What it has counted of its functions. */
  report(): Promise<FunctionsReport>
  /** Waits until no function runs and none is queued. */
  quiet(): Promise<void>
  stop(): Promise<void>
}

/** A load test is one caller who calls as often as a school: the gateway's limits would refuse it. */
const RATES = Object.fromEntries(
  ['RATE_DEFAULT', 'RATE_WRITE', 'RATE_SENSITIVE', 'RATE_MEDIA'].map((name) => [name, '1000000']),
)
const ENGINES = ['DATABASE_URL', 'KAFKA_BROKERS', 'REDIS_URL', 'AWS_ENDPOINT_URL_S3']
/** So often in a row must the hub be found idle: between two steps of a workflow it is so for a moment. */
const QUIET_LOOKS = 5
const QUIET_MS_MAX = 120_000

export const openMeasuredHub = async (
  dataDir: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<MeasuredHub> => {
  const hub = await startOwnHub(root, { ...RATES, ...environment, HUB_DATA: dataDir })
  const report = async (): Promise<FunctionsReport> =>
    (await (await fetch(`${hub.url}/_hub/functions.json`)).json()) as FunctionsReport
  return {
    url: hub.url,
    report,
    async quiet() {
      let looks = 0
      await until(
        'the hub to be quiet',
        async () => {
          const { functions, queued } = await report()
          const running = Object.values(functions).reduce((sum, one) => sum + one.running, 0)
          looks = running + queued === 0 ? looks + 1 : 0
          return looks >= QUIET_LOOKS || undefined
        },
        { timeoutMs: QUIET_MS_MAX },
      )
    },
    stop: hub.giveBack,
  }
}

/** Lends a folder for a hub's data. */
export const withDataFolder = async <Result>(
  work: (dataDir: string) => Promise<Result>,
): Promise<Result> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'hub-measured-'))
  try {
    return await work(dataDir)
  } finally {
    await rm(dataDir, { recursive: true, force: true })
  }
}

/** @throws an Error when an engine is named by the environment: it may be somebody's, and another's load would be measured. */
export const refuseEngines = (environment: Readonly<Record<string, string | undefined>>): void => {
  const named = ENGINES.filter((name) => environment[name])
  if (named.length > 0)
    throw new Error(`Only embedded parts are measured; unset ${named.join(', ')} first.`)
}
