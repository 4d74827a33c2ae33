import type { Random } from '../../../tools/random.ts'
import type { Campus } from '../campus/campus.ts'
import { runOnCampus } from '../campus/run.ts'
import { awaitQuiet } from '../checks/backlog.ts'
import { readLog } from '../checks/log.ts'
import { differences, stateOf } from '../checks/state.ts'
import type { FaultRow } from '../fault-row.ts'

const REPEATS_MAX = 10
const QUIET_TIMEOUT_MS = 120_000
const RECORDS_PER_SEND = 200

/**
 * Every event comes again, twice to ten times, shuffled: while the load still runs, and once more when all is quiet.
 * The second storm must change nothing at all.
 */
export const duplicates: FaultRow = {
  row: 10,
  name: 'every event comes twice to ten times',
  async run(context) {
    let repeats = 0
    return runOnCampus(context, {
      load: { operationsPerActor: context.isLong ? 60 : 15 },
      async strike(campus, { signal }) {
        await campus.history.reached(40, signal)
        repeats += await storm(campus, context.random.fork('storm'))
        return { faults: 1 }
      },
      async after(campus) {
        const query = (text: string) => campus.database.query(text)
        const before = await stateOf(query)
        repeats += await storm(campus, context.random.fork('second storm'))
        const isQuiet = await awaitQuiet(campus, QUIET_TIMEOUT_MS)
        context.say(`${repeats} repetitions`)
        const late = isQuiet ? [] : ['G5 the repetitions were not worked off']
        return [...late, ...differences(before, await stateOf(query))]
      },
    })
  },
}

/** Sends everything in the log again. @returns how many records that were. */
const storm = async (campus: Campus, random: Random): Promise<number> => {
  const log = await readLog(campus)
  const repeated = random.shuffle(
    log.flatMap((logged) => Array.from({ length: 1 + random.int(REPEATS_MAX) }, () => logged)),
  )
  for (let from = 0; from < repeated.length; from += RECORDS_PER_SEND)
    await campus.bus.send(
      repeated.slice(from, from + RECORDS_PER_SEND).map(({ topic, envelope }) => ({
        topic,
        key: envelope.subject,
        value: JSON.stringify(envelope),
      })),
    )
  return repeated.length
}
