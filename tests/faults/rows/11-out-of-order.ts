import pg from 'pg'
import type { Campus } from '../campus/campus.ts'
import { type CampusRun, runOnCampus } from '../campus/run.ts'
import { takeInto } from '../campus/taking.ts'
import { type Logged, readLog } from '../checks/log.ts'
import { differences, type State, stateOf } from '../checks/state.ts'
import type { FaultRow } from '../fault-row.ts'

const PERMUTATIONS = { slice: 3, long: 20 }

/**
 * The log of a run is told again to services that know nothing: once in order, then shuffled, across aggregates and
 * within each, with some of it repeated. Whatever the order, they must end up knowing the same.
 */
export const outOfOrder: FaultRow = {
  row: 11,
  name: 'events come in any order',
  async run(context) {
    const permutations = PERMUTATIONS[context.isLong ? 'long' : 'slice']
    const after: CampusRun['after'] = async (campus) => {
      const log = await readLog(campus)
      const random = context.random.fork('order')
      const inOrder = await stateAfter(campus, log, 'in_order')
      const violations: string[] = []
      for (let index = 0; index < permutations; index += 1) {
        const repeated = log.flatMap((logged) => (random.chance(0.2) ? [logged, logged] : [logged]))
        const found = await stateAfter(campus, random.shuffle(repeated), `shuffled_${index}`)
        violations.push(...differences(inOrder, found))
      }
      return violations
    }
    return runOnCampus(context, {
      load: { operationsPerActor: context.isLong ? 60 : 20 },
      strike: async () => ({ faults: permutations }),
      after,
    })
  },
}

/** What services know that were told exactly this, in this order. */
const stateAfter = async (
  campus: Campus,
  records: readonly Logged[],
  name: string,
): Promise<State> => {
  await campus.database.query(`create database ${name} template pristine`)
  const url = Object.assign(new URL(campus.database.url), { pathname: `/${name}` }).href
  const taking = takeInto(url)
  const pool = new pg.Pool({ connectionString: url, max: 1 })
  try {
    await taking.deliver(records)
    return await stateOf(async (text) => (await pool.query(text)).rows)
  } finally {
    await taking.close()
    await pool.end()
  }
}
