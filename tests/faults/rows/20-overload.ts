import { setTimeout as delay } from 'node:timers/promises'
import { createClient } from '../client.ts'
import type { FaultRow } from '../fault-row.ts'
import { createHistory } from '../history.ts'
import { openHub } from '../hub/hub.ts'
import { judgeCourses, openLoop, wantedFrom } from '../hub/load.ts'

const WORKERS = 16
const PEAK_MS = { slice: 4_000, long: 20_000 }
const OVERLOAD_MS = { slice: 5_000, long: 60_000 }
const OVERLOAD_FACTOR = 3
const DOUBLINGS_MAX = 7
const RATES = { RATE_DEFAULT: '1000000', RATE_WRITE: '1000000' }
/** Answers that tell a client to come back: what does not fit is refused early. */
const SHED = new Set([429, 502, 503, 504])
const ATTEMPT_TIMEOUT_MS = 30_000

/**
 * First as much as the hub takes, then three times that in an open loop, with clients that do not come back. What does
 * not fit is refused, nothing hangs, nothing is lost; when the storm is over, the hub is well again. What it still did
 * meanwhile (goodput) is stated, not judged: it depends on the machine.
 */
export const overload: FaultRow = {
  row: 20,
  name: 'three times as much as the hub can take',
  async run(context) {
    const kind = context.isLong ? 'long' : 'slice'
    const hub = await openHub(context, RATES)
    const { accessToken } = await hub.admin()
    const peak = await peakOf(hub.url, { accessToken, ms: PEAK_MS[kind] })
    let offered = peak * OVERLOAD_FACTOR
    let stormed = await storm(hub.url, { accessToken, ms: OVERLOAD_MS[kind], perSecond: offered })
    // What was measured as its peak on a busy machine may have been none.
    for (let more = 0; stormed.shed === 0 && more < DOUBLINGS_MAX; more += 1) {
      offered *= 2
      stormed = await storm(hub.url, { accessToken, ms: OVERLOAD_MS[kind], perSecond: offered })
    }
    const startedAt = performance.now()
    const history = createHistory()
    const client = createClient({ urls: () => [hub.url], history })
    const after = new AbortController()
    const timer = setTimeout(() => after.abort(), PEAK_MS[kind])
    await client.perform(wantedFrom('after', { accessToken, isWrite: true }))
    const healedMs = [Math.round(performance.now() - startedAt)]
    await openLoop({
      ...{ client, accessToken, name: 'afterwards', signal: after.signal },
      perSecond: Math.max(1, peak / 2),
    })
    clearTimeout(timer)
    const judged = await judgeCourses(hub, history)
    const goodput = Math.round(stormed.good / (OVERLOAD_MS[kind] / 1_000))
    return {
      ...judged,
      followed: judged.followed + stormed.good,
      faults: 1,
      healedMs,
      violations: [
        ...judged.violations,
        ...stormed.violations,
        ...(stormed.shed > 0 ? [] : ['nothing was shed: the storm was no overload']),
      ],
      notes: {
        peakPerSecond: Math.round(peak),
        offeredPerSecond: Math.round(offered),
        goodputPerSecond: goodput,
        shed: stormed.shed,
      },
    }
  },
}

/** Answered in a closed loop, a second. */
const peakOf = async (
  url: string,
  { accessToken, ms }: { accessToken: string; ms: number },
): Promise<number> => {
  const until = performance.now() + ms
  let good = 0
  await Promise.all(
    Array.from({ length: WORKERS }, async () => {
      while (performance.now() < until) if ((await look(url, accessToken)) === 200) good += 1
    }),
  )
  return good / (ms / 1_000)
}

/** Nobody comes back: what is refused is lost to its client, and told so. */
const storm = async (
  url: string,
  { accessToken, ms, perSecond }: { accessToken: string; ms: number; perSecond: number },
) => {
  const count = Math.ceil((ms / 1_000) * perSecond)
  const answers = Array.from({ length: count }, async (_, index) => {
    await delay((index * 1_000) / perSecond)
    return look(url, accessToken)
  })
  const statuses = await Promise.all(answers)
  const good = statuses.filter((status) => status === 200).length
  const shed = statuses.filter((status) => SHED.has(status)).length
  const hung = statuses.filter((status) => status === 0).length
  const other = statuses.filter((status) => status !== 200 && status !== 0 && !SHED.has(status))
  return {
    ...{ good, shed },
    violations: [
      ...(hung > 0 ? [`G4 ${hung} requests got no answer in ${ATTEMPT_TIMEOUT_MS} ms`] : []),
      ...(other.length > 0
        ? [`G4 ${other.length} were answered ${[...new Set(other)].join()}`]
        : []),
      ...(good === 0 ? ['G4 nobody was served during the storm'] : []),
    ],
  }
}

/** @returns the status; 0 where there was no answer in time. */
const look = (url: string, accessToken: string): Promise<number> =>
  fetch(`${url}/v1/users/me`, {
    headers: { authorization: `Bearer ${accessToken}` },
    signal: AbortSignal.timeout(ATTEMPT_TIMEOUT_MS),
  }).then(
    async (response) => {
      await response.arrayBuffer()
      return response.status
    },
    () => 0,
  )
