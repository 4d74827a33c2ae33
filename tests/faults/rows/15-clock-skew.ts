import { debianProgram } from '../../support/engines/toolbox.ts'
import type { Campus } from '../campus/campus.ts'
import { runOnCampus } from '../campus/run.ts'
import type { FaultRow } from '../fault-row.ts'

const SKEW_MS = 5 * 60_000

/**
 * Three machines, one of which is five minutes ahead and one five minutes behind. What people do lands on any of them.
 * Ids stay unique, nothing lasts a negative time, leases hold by the database's one clock, and a machine refuses
 * tokens of another time instead of guessing.
 */
export const clockSkew: FaultRow = {
  row: 15,
  name: 'clocks are five minutes off',
  async run(context) {
    await debianProgram('faketime', ['faketime'])
    return runOnCampus(context, {
      options: { doors: 3, skewsMs: [0, SKEW_MS, -SKEW_MS] },
      strike: async (campus) => ({ faults: 2, violations: await foreignTokens(campus) }),
      // What a machine that is ahead lets begin has not begun for the others: they refuse until it has.
      mayRefuse: ['enrollment.no_access', 'assessment.not_found', 'assessment.deadline_passed'],
      after: (campus) => negativeDurations(campus),
    })
  },
}

/** A token lives for a minute: one of a machine that is five minutes off is either over or not yet true. */
const foreignTokens = async (campus: Campus): Promise<readonly string[]> => {
  const [right = '', ahead = '', behind = ''] = campus.urls()
  const violations: string[] = []
  for (const [at, by] of [
    [ahead, right],
    [right, behind],
  ] as const) {
    const token = await campus.signIn(campus.stranger, campus.clockOf(by))
    const { status } = await fetch(`${at}/v1/courses`, { headers: { 'x-hub-token': token } })
    if (status !== 401) violations.push(`G4 a token of five minutes ago was answered ${status}`)
  }
  return violations
}

/** Everything that begins and ends. */
const SPANS = [
  ['enrollment.enrollments', 'enrolled_at', 'ended_at'],
  ['assessment.attempts', 'started_at', 'submitted_at'],
  ['assessment.attempts', 'started_at', 'deadline'],
] as const

const negativeDurations = async ({ database }: Campus): Promise<readonly string[]> => {
  const violations: string[] = []
  for (const [table, from, to] of SPANS) {
    const [row] = await database.query<{ n: number }>(
      `select count(*)::int as n from ${table} where ${to} < ${from}`,
    )
    if (row?.n) violations.push(`G3 ${row.n} of ${table} end before they begin`)
  }
  return violations
}
