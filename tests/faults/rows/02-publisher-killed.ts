import { runOnCampus } from '../campus/run.ts'
import { crashAgainAndAgain } from '../crashes.ts'
import type { FaultRow } from '../fault-row.ts'

/**
 * The publisher dies at a chosen await: before or after any statement or send, and so between what the log has
 * acknowledged and what the outbox knows of it. Two of them run, one of which takes over the other's lease.
 */
export const publisherKilled: FaultRow = {
  row: 2,
  name: 'the publisher is killed between sending and settling',
  run: (context) =>
    runOnCampus(context, {
      options: { publishers: 2 },
      strike: ({ publishers }, { signal }) =>
        crashAgainAndAgain(publishers, {
          ...{ context, signal },
          crashes: { slice: 12, long: 150 },
          // From the first send on, between lease and acknowledgement: what comes before is only looking for work.
          armedBy: '^send$',
          stepsMax: 8,
        }),
    }),
}
