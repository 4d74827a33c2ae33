import { pause } from '../../../shared/kernel/pulse.ts'
import { runOnCampus } from '../campus/run.ts'
import type { FaultRow } from '../fault-row.ts'
import { untilAcknowledged } from '../measure.ts'

const RESTARTS = { slice: 3, long: 20 }
const OPERATIONS_BETWEEN = 25
const AWAY_MS_MAX = 2_000

/**
 * PostgreSQL is stopped without a word while everybody writes, stays away for a moment and recovers from its log. It
 * runs with fsync: what was acknowledged is there, whoever asked meanwhile was told to come back.
 */
export const postgresRestarts: FaultRow = {
  row: 6,
  name: 'PostgreSQL is stopped under load and recovers',
  run: (context) =>
    runOnCampus(context, {
      options: { durable: true },
      load: { operationsPerActor: 10_000 },
      async strike(campus, { signal, endLoad }) {
        const random = context.random.fork('restarts')
        const healedMs: number[] = []
        const restarts = RESTARTS[context.isLong ? 'long' : 'slice']
        while (healedMs.length < restarts && !signal.aborted) {
          const ended = campus.history.operations.length
          await campus.history.reached(ended + 5 + random.int(OPERATIONS_BETWEEN), signal)
          await campus.database.kill(random.pick(['SIGQUIT', 'SIGKILL']))
          await pause(random.int(AWAY_MS_MAX), signal)
          await campus.database.start()
          healedMs.push(await untilAcknowledged(campus))
        }
        endLoad()
        const told = campus.history.operations.filter(({ attempts }) =>
          attempts.some(({ status }) => status === 503),
        )
        return { faults: healedMs.length, healedMs, notes: { toldToComeBack: told.length } }
      },
    }),
}
