import { join } from 'node:path'
import { freePort } from '../../../local/free-port.ts'
import { pause } from '../../../shared/kernel/pulse.ts'
import { type EngineProcess, startEngine } from '../../support/engines/process.ts'
import { createClient } from '../client.ts'
import type { FaultRow, RowContext } from '../fault-row.ts'
import { createHistory } from '../history.ts'
import { type FaultHub, openHub, root } from '../hub/hub.ts'
import { judgeCourses, openLoop } from '../hub/load.ts'
import { descendantsOf, environmentOf } from '../hub/processes.ts'

const RESTARTS = { slice: 2, long: 20 }
const PER_SECOND = 12
/** A balancer has stopped sending by then; what is under way then gets the rest. */
const DRAIN = { DRAIN_DELAY_MS: '500', DRAIN_MS_MAX: '5000' }

/**
 * Two gateways before one hub, under an open loop: again and again one is asked to end and drains, the other is killed.
 * Whoever is cut off asks the other one with the same key, and nobody ever fails for good.
 */
export const gatewayRestarts: FaultRow = {
  row: 17,
  name: 'gateways are drained and killed under load',
  async run(context) {
    const hub = await openHub(context, RATES)
    const { accessToken } = await hub.admin()
    const gateways = [await startGateway(context, hub), await startGateway(context, hub)]
    const history = createHistory()
    const client = createClient({
      urls: () => gateways.filter(({ isUp }) => isUp()).map(({ url }) => url),
      history,
    })
    const enough = new AbortController()
    const loop = openLoop({
      ...{ client, accessToken, perSecond: PER_SECOND, name: 'request' },
      signal: AbortSignal.any([enough.signal, context.signal]),
    })
    const healedMs: number[] = []
    for (let round = 0; round < RESTARTS[context.isLong ? 'long' : 'slice']; round += 1)
      for (const [gateway, end] of [
        [gateways[0], 'stop'],
        [gateways[1], 'kill'],
      ] as const) {
        await pause(500 + context.random.int(1_500), context.signal)
        if (gateway) healedMs.push(await gateway.restart(end))
      }
    enough.abort()
    const operations = await loop
    const retried = operations.filter(({ attempts }) => attempts.length > 1).length
    const judged = await judgeCourses(hub, history)
    return {
      ...judged,
      followed: operations.length,
      faults: healedMs.length,
      healedMs,
      notes: { retried },
    }
  },
}

// The limits of a single caller are not what this row is about.
const RATES = { RATE_DEFAULT: '100000', RATE_WRITE: '100000', RATE_SENSITIVE: '100000' }

type Gateway = {
  readonly url: string
  isUp(): boolean
  /** @returns how long until another one answers in its place, in milliseconds. */
  restart(end: 'stop' | 'kill'): Promise<number>
}

/** A replica of the hub's own gateway, on a port of its own. */
const startGateway = async (context: RowContext, hub: FaultHub): Promise<Gateway> => {
  const own = (await descendantsOf(hub.process().pid)).find(
    ({ command }) => command.includes('gateway/server.ts') && !command.includes('leash.ts'),
  )
  if (!own) throw new Error('the hub has no gateway')
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const environment = {
    ...(await environmentOf(own.pid)),
    ...DRAIN,
    ...{ PORT: String(port), REPLICA: `replica-${port}` },
  }
  const launch = () =>
    startEngine({
      program: process.execPath,
      args: [
        '--disable-warning=ExperimentalWarning',
        join(root, 'eks-workloads/gateway/server.ts'),
      ],
      environment,
      ready: async () => {
        const { status } = await fetch(`${url}/ready`)
        if (status !== 200) throw new Error('the gateway is not ready')
      },
    })
  let gateway: EngineProcess = await launch()
  context.defer(() => gateway.kill())
  return {
    url,
    isUp: () => gateway.isRunning(),
    async restart(end) {
      await gateway[end]()
      const startedAt = performance.now()
      gateway = await launch()
      return Math.round(performance.now() - startedAt)
    },
  }
}
