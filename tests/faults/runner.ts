import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomOf } from '../../tools/random.ts'
import { runJest } from '../support/stages.ts'
import type { Arguments } from './arguments.ts'
import { type Nursery, raiseNursery } from './campus/nursery.ts'
import { CannotRunError, type FaultRow, type Outcome, type RowContext } from './fault-row.ts'
import { recordRun } from './record.ts'

const MINUTE_MS = 60_000
const RUN_TIMEOUT_MS = 15 * MINUTE_MS
const VIOLATIONS_SHOWN_MAX = 12

/**
 * Runs each row once, or again and again with new seeds until the minutes are over. Ends the process with the line
 * `N passed, N failed`, one for each run, and an exit code that says the same.
 *
 * The same seed gives the same operations in the same order of each actor, the same faults at the same counts and
 * steps; how the processes interleave in between is the machine's own.
 */
export const runRows = async (
  rows: readonly FaultRow[],
  { seed, only, minutes, isSimulated }: Arguments,
): Promise<never> => {
  const chosen = rows.filter(({ row }) => only.length === 0 || only.includes(row))
  const unknown = only.filter((row) => !rows.some((each) => each.row === row))
  if (unknown.length > 0) {
    console.error(
      `There is no row ${unknown.join(', ')}; there are ${rows.map(({ row }) => row).join(', ')}.`,
    )
    process.exit(2)
  }
  console.log(`seed ${seed}`)
  const folder = await mkdtemp(join(tmpdir(), 'hub-faults-'))
  let raised: Promise<Nursery> | undefined
  const nursery = () => {
    raised ??= raiseNursery(folder)
    return raised
  }
  const deadline = performance.now() + (minutes ?? 0) * MINUTE_MS
  const sum = { passed: 0, failed: 0 }
  let round = 0
  do {
    round += 1
    for (const row of chosen) {
      const roundSeed = round === 1 ? seed : `${seed}.${round}`
      const isPassed = await runOnce(row, {
        seed: roundSeed,
        isLong: minutes !== undefined,
        nursery,
      })
      sum[isPassed ? 'passed' : 'failed'] += 1
      if (round > 1 && performance.now() >= deadline) break
    }
  } while (performance.now() < deadline)
  const isWhole = only.length === 0 && rows.length > 1
  if (isWhole || isSimulated) sum[(await simulate(seed)) ? 'passed' : 'failed'] += 1
  await rm(folder, { recursive: true, force: true })
  console.log(`${sum.passed} passed, ${sum.failed} failed`)
  process.exit(sum.failed === 0 && sum.passed > 0 ? 0 : 1)
}

/** The schedulers in the deterministic simulation, a thousand seeds each. */
const simulate = async (seed: string): Promise<boolean> => {
  const startedAt = performance.now()
  const { passed, failed } = await runJest(['tests/faults/simulation'], { FAULT_SEED: seed })
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0)
  const verdict = failed === 0 && passed > 0 ? 'ok    ' : 'failed'
  console.log(`${verdict}  simulation: ${passed} passed, ${failed} failed (${seconds} s)`)
  return failed === 0 && passed > 0
}

const runOnce = async (
  row: FaultRow,
  { seed, isLong, nursery }: { seed: string; isLong: boolean; nursery: () => Promise<Nursery> },
): Promise<boolean> => {
  const startedAt = performance.now()
  const undoes: (() => Promise<void> | void)[] = []
  const context: RowContext = {
    ...{ seed, isLong, nursery },
    random: randomOf(`${seed}/${row.row}`),
    signal: AbortSignal.timeout(row.timeoutMs ?? RUN_TIMEOUT_MS),
    defer: (undo) => void undoes.push(undo),
    say: (line) => console.log(`        ${line}`),
  }
  const outcome = await row.run(context).catch(failureOf)
  for (const undo of undoes.reverse())
    await Promise.resolve()
      .then(undo)
      .catch((error: unknown) => console.error('not cleaned up:', error))
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0)
  const isPassed = outcome.violations.length === 0
  const verdict = isPassed ? 'ok    ' : 'failed'
  const { followed, faults, lost, doubled } = outcome
  console.log(
    `${verdict}  row ${row.row}, ${row.name}: ${faults} faults, ${followed} followed, ` +
      `${lost} lost, ${doubled} doubled (${seconds} s)`,
  )
  for (const violation of outcome.violations.slice(0, VIOLATIONS_SHOWN_MAX)) context.say(violation)
  const unshown = outcome.violations.length - VIOLATIONS_SHOWN_MAX
  if (unshown > 0) context.say(`… and ${unshown} more`)
  if (!isPassed) context.say(`replay: npm run test:faults -- --row ${row.row} --seed ${seed}`)
  await recordRun({ row, seed, isLong, outcome })
  return isPassed
}

const failureOf = (error: unknown): Outcome => ({
  ...{ followed: 0, faults: 0, lost: 0, doubled: 0, healedMs: [] },
  violations: [
    error instanceof CannotRunError ? error.message : String((error as Error).stack ?? error),
  ],
})
