import type { Campus } from './campus/campus.ts'
import { awaitQuiet, backlogOf } from './checks/backlog.ts'
import { checkBalance } from './checks/balance.ts'
import { checkEvents } from './checks/events.ts'
import type { Findings } from './checks/findings.ts'
import { checkWrites } from './checks/writes.ts'
import type { Outcome } from './fault-row.ts'

export type Judged = Pick<Outcome, 'followed' | 'lost' | 'doubled' | 'violations'> & {
  /** Until the backlog was gone. */
  readonly quietMs: number
}

/**
 * Waits until nothing is on its way any more, then holds the database and the log against the history: G1 to G5.
 *
 * @param quietTimeoutMs a backlog that is not gone by then never will be (G5).
 */
export const judge = async (
  campus: Campus,
  {
    quietTimeoutMs = 90_000,
    mayPark = false,
    mayRefuse = [],
  }: {
    quietTimeoutMs?: number
    mayPark?: boolean
    /** Codes with which this fault may have anything refused. */
    mayRefuse?: readonly string[]
  } = {},
): Promise<Judged> => {
  const isHeld = (sentence: string) =>
    !mayRefuse.some((code) => sentence.endsWith(` ${code}`) && sentence.includes('was refused'))
  const findings: Findings = {
    lost: 0,
    doubled: 0,
    violations: campus.history.violations.filter(isHeld),
  }
  const startedAt = performance.now()
  const isQuiet = await awaitQuiet(campus, quietTimeoutMs)
  const quietMs = Math.round(performance.now() - startedAt)
  if (!isQuiet)
    findings.violations.push(
      `G5 backlog after ${quietMs} ms: ${JSON.stringify(await backlogOf(campus))}`,
    )
  const { parked } = await backlogOf(campus)
  if (parked > 0 && !mayPark) findings.violations.push(`G5 ${parked} records were parked`)
  await checkWrites(campus, findings)
  await checkEvents(campus, findings)
  await checkBalance(campus, findings)
  const acknowledged = campus.history.operations.filter(({ outcome }) => outcome === 'acknowledged')
  const { lost, doubled, violations } = findings
  return { followed: acknowledged.length, lost, doubled, violations, quietMs }
}
