import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pause } from '../../shared/kernel/pulse.ts'
import { eventually } from '../support/eventually.ts'
import { createClient } from './client.ts'
import type { FaultRow, RowContext } from './fault-row.ts'
import { createHistory } from './history.ts'
import { type FaultHub, openHub } from './hub/hub.ts'
import { judgeCourses, wantedFrom } from './hub/load.ts'
import { descendantsOf, memoryOf, openFilesOf } from './hub/processes.ts'
import { untilWell } from './hub/well.ts'
import { type Sample, slopesOf } from './slope.ts'

const MINUTE_MS = 60_000
/** Beside the soak itself: the start of the hub, and its coming to rest. */
const HEAL_MS_MAX = 15 * MINUTE_MS
const FAULT_EVERY_MS = 30_000
const SAMPLE_EVERY_MS = 5_000
/** An access token lives for a quarter of an hour. */
const RENEW_EVERY_MS = 5 * MINUTE_MS
const WORKERS = 4
const THINK_MS_MAX = 200
/** What a first minute fills (caches, pools, code that is loaded late) is no leak. */
const WARM_UP_SHARE = 0.25
const RATES = { RATE_DEFAULT: '1000000', RATE_WRITE: '1000000' }

/**
 * A whole hub under a mixed load for minutes, with a random fault every 30 s. Memory, open files, connections to the
 * database and temporary files are sampled; what grows and grows is a leak.
 */
export const soakFor = (minutes: number): FaultRow => ({
  row: 0,
  name: `soak of ${minutes} minutes`,
  timeoutMs: minutes * MINUTE_MS + HEAL_MS_MAX,
  async run(context) {
    const hub = await openHub(context, RATES)
    let { accessToken } = await hub.admin()
    const history = createHistory()
    const client = createClient({ urls: () => [hub.url], history })
    const over = AbortSignal.any([context.signal, AbortSignal.timeout(minutes * MINUTE_MS)])
    const samples: Sample[] = []
    const healedMs: number[] = []
    const workers = Array.from({ length: WORKERS }, async (_, index) => {
      const random = context.random.fork(`worker${index}`)
      for (let done = 0; !over.aborted; done += 1) {
        const id = `soak-${index}-${done}`
        await client.perform(wantedFrom(id, { accessToken, isWrite: random.chance(0.3) }))
        await pause(random.int(THINK_MS_MAX), over)
      }
    })
    const renew = async () => {
      while (!over.aborted) {
        await pause(RENEW_EVERY_MS, over)
        if (!over.aborted) ({ accessToken } = await hub.admin())
      }
    }
    await Promise.all([
      ...workers,
      renew(),
      sampleUntil(hub, over, samples),
      faultsUntil(context, { hub, over, healedMs }),
    ])
    const quietMs = await untilWell(hub)
    const judged = await judgeCourses(hub, history)
    const slopes = slopesOf(samples, WARM_UP_SHARE)
    const growing = slopes.filter(({ isFlat }) => !isFlat)
    return {
      ...judged,
      followed: history.operations.length,
      faults: healedMs.length,
      healedMs,
      violations: [
        ...judged.violations,
        ...(quietMs === undefined ? ['G5 the backlog is not gone'] : []),
        ...growing.map(({ name, first, last }) => `G5 ${name} grew from ${first} to ${last}`),
      ],
      notes: Object.fromEntries(
        slopes.map(({ name, first, last }) => [name, `${first} -> ${last}`]),
      ),
    }
  },
})

const sampleUntil = async (hub: FaultHub, over: AbortSignal, samples: Sample[]) => {
  while (!over.aborted) {
    const sample = await take(hub).catch(() => undefined)
    if (sample) samples.push(sample)
    await pause(SAMPLE_EVERY_MS, over)
  }
}

const take = async (hub: FaultHub): Promise<Sample> => {
  const { pid } = hub.process()
  const below = await descendantsOf(pid)
  const gateway = below.find(({ command }) => command.includes('gateway/server.ts'))
  const [row] = await hub.query<{ n: number }>(
    'select count(*)::int as n from pg_stat_activity where datname is not null',
  )
  return {
    hubMemoryMiB: await memoryOf(pid),
    hubFiles: await openFilesOf(pid),
    gatewayMemoryMiB: gateway ? await memoryOf(gateway.pid) : 0,
    gatewayFiles: gateway ? await openFilesOf(gateway.pid) : 0,
    databaseConnections: row?.n ?? 0,
    processes: below.length,
    temporaryFiles: (await readdir(tmpdir())).filter((name) => name.startsWith('hub-')).length,
    postgresTemporaryFiles: await countFiles(join(hub.dataDir, 'postgres/cluster/base/pgsql_tmp')),
  }
}

const countFiles = async (folder: string): Promise<number> =>
  (await readdir(folder).catch(() => [])).length

const FREEZE_MS_MAX = 3_000

const faultsUntil = async (
  context: RowContext,
  { hub, over, healedMs }: { hub: FaultHub; over: AbortSignal; healedMs: number[] },
) => {
  const random = context.random.fork('faults')
  const faults: Readonly<Record<string, () => Promise<void>>> = {
    'every connection to the database is ended': async () => {
      await hub.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where pid <> pg_backend_pid() and datname is not null`,
      )
    },
    'the gateway freezes': () => freeze(hub, /gateway\/server\.ts/, random.int(FREEZE_MS_MAX)),
    'the database freezes': () => freeze(hub, /postgres/, random.int(FREEZE_MS_MAX)),
    'the whole hub freezes': async () => {
      hub.process().pause()
      await pause(random.int(FREEZE_MS_MAX), context.signal)
      hub.process().resume()
    },
  }
  while (!over.aborted) {
    await pause(FAULT_EVERY_MS, over)
    if (over.aborted) return
    const name = random.pick(Object.keys(faults))
    context.say(name)
    await faults[name]?.()
    const startedAt = performance.now()
    await eventually(
      async () => {
        const { status } = await fetch(`${hub.url}/openapi.json`)
        if (status >= 500) throw new Error('the hub does not answer')
      },
      { timeoutMs: MINUTE_MS },
    )
    healedMs.push(Math.round(performance.now() - startedAt))
  }
}

const freeze = async (hub: FaultHub, command: RegExp, ms: number) => {
  const frozen = (await descendantsOf(hub.process().pid)).filter((each) =>
    command.test(each.command),
  )
  const tell = (signal: 'SIGSTOP' | 'SIGCONT') => {
    for (const { pid } of frozen)
      try {
        process.kill(pid, signal)
      } catch {
        // A backend may have ended meanwhile.
      }
  }
  tell('SIGSTOP')
  await delay(ms)
  tell('SIGCONT')
}
