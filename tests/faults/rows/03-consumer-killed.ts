import { runOnCampus } from '../campus/run.ts'
import { crashAgainAndAgain } from '../crashes.ts'
import type { FaultRow } from '../fault-row.ts'

/**
 * The consumers die at a chosen statement: inside the transaction of inbox row and effect, on both sides of its commit,
 * and on both sides of the commit of the offset.
 */
export const consumerKilled: FaultRow = {
  row: 3,
  name: 'a consumer is killed on both sides of its commits',
  run: (context) =>
    runOnCampus(context, {
      options: { consumers: 2 },
      strike: ({ consumers }, { signal }) =>
        crashAgainAndAgain(consumers, {
          ...{ context, signal },
          crashes: { slice: 10, long: 120 },
          armedBy: 'insert into "\\w+"."inbox"',
          stepsMax: 30,
        }),
    }),
}
