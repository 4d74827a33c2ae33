import { startKafka } from '../../support/engines/kafka.ts'
import { eventually } from '../../support/eventually.ts'
import { runOnCampus } from '../campus/run.ts'
import { waitingIn } from '../checks/backlog.ts'
import type { FaultRow } from '../fault-row.ts'
import { rateOver, untilDrained } from '../measure.ts'

const AWAY_MS = { slice: 10_000, long: 60_000 }
const OPERATIONS_BEFORE = 30
const RESTART_TIMEOUT_MS = 240_000

/**
 * The broker of a real Kafka is killed, stays away, and comes back on its files. Writes go on meanwhile, their events
 * wait in the outboxes, and then everything arrives, in order and once.
 */
export const kafkaAway: FaultRow = {
  row: 4,
  name: 'Kafka is away and comes back',
  async run(context) {
    const cluster = await startKafka({ nodes: 1 })
    context.defer(() => cluster.stop())
    return runOnCampus(context, {
      options: { kafkaBrokers: cluster.brokers, environment: { SESSION_TIMEOUT_MS: '6000' } },
      load: { operationsPerActor: 10_000, pauseMsMax: 200 },
      async strike(campus, { signal, endLoad }) {
        await campus.history.reached(OPERATIONS_BEFORE, signal)
        const rateBefore = await rateOver(campus, { ms: 4_000, signal })
        await cluster.broker(1).process.kill()
        const ms = AWAY_MS[context.isLong ? 'long' : 'slice']
        const rateAway = await rateOver(campus, { ms, signal })
        const { unpublished: waiting } = await waitingIn(campus)
        // It recovers its files first, which on a busy machine outlasts the wait for a fresh one.
        await eventually(() => cluster.broker(1).restart(), { timeoutMs: RESTART_TIMEOUT_MS })
        const healed = await untilDrained(campus, Math.max(5, Math.floor(waiting / 20)))
        endLoad()
        return {
          faults: 1,
          healedMs: [healed],
          violations: [
            ...(rateAway > 0 ? [] : ['G1 nothing was acknowledged while Kafka was away']),
            ...(waiting > 0 ? [] : ['nothing waited in the outboxes: Kafka was not away']),
          ],
          notes: { acknowledgedPerSecondBefore: rateBefore, acknowledgedPerSecondAway: rateAway },
        }
      },
    })
  },
}
